"""Markets as data: a line each, with the currency that it sells in and the time zone that its days are lived in.

A marketplace may name any market by its ISO 3166 code, listed here or not; what is listed is known to be one. The first
sixteen are TikTok Shop's; the others are where shops of its kind sell or are about to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CURRENCIES", "MARKETS", "USUAL_RATES", "Market"]


@dataclass(frozen=True)
class Market:
    """One market.

    Attributes
    ----------
    currency : str
        ISO 4217 code.
    zone : str
        IANA time zone of its largest city.
    """

    currency: str
    zone: str


_LINES = """
ID IDR Asia/Jakarta         MY MYR Asia/Kuala_Lumpur    PH PHP Asia/Manila          SG SGD Asia/Singapore
TH THB Asia/Bangkok         VN VND Asia/Ho_Chi_Minh     GB GBP Europe/London        US USD America/New_York
DE EUR Europe/Berlin        ES EUR Europe/Madrid        FR EUR Europe/Paris         IE EUR Europe/Dublin
IT EUR Europe/Rome          MX MXN America/Mexico_City  BR BRL America/Sao_Paulo    JP JPY Asia/Tokyo
AE AED Asia/Dubai           AR ARS America/Buenos_Aires AT EUR Europe/Vienna        AU AUD Australia/Sydney
BE EUR Europe/Brussels      CA CAD America/Toronto      CH CHF Europe/Zurich        CL CLP America/Santiago
CN CNY Asia/Shanghai        CO COP America/Bogota       CZ CZK Europe/Prague        DK DKK Europe/Copenhagen
EG EGP Africa/Cairo         FI EUR Europe/Helsinki      GR EUR Europe/Athens        HK HKD Asia/Hong_Kong
HU HUF Europe/Budapest      IL ILS Asia/Jerusalem       IN INR Asia/Kolkata         KH KHR Asia/Phnom_Penh
KR KRW Asia/Seoul           NG NGN Africa/Lagos         NL EUR Europe/Amsterdam     NO NOK Europe/Oslo
NZ NZD Pacific/Auckland     PE PEN America/Lima         PK PKR Asia/Karachi         PL PLN Europe/Warsaw
PT EUR Europe/Lisbon        RO RON Europe/Bucharest     SA SAR Asia/Riyadh          SE SEK Europe/Stockholm
TR TRY Europe/Istanbul      TW TWD Asia/Taipei          ZA ZAR Africa/Johannesburg
"""


def _read() -> dict[str, Market]:
    words = _LINES.split()
    return {words[i]: Market(words[i + 1], words[i + 2]) for i in range(0, len(words), 3)}


MARKETS: Mapping[str, Market] = MappingProxyType(_read())
"""Market (ISO 3166 alpha-2) to what is known of it."""

_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""

CURRENCIES: tuple[str, ...] = tuple(_CODES.split())
"""ISO 4217's currencies."""

USUAL_RATES: Mapping[str, float] = MappingProxyType(
    {
        "IDR": 6.2e-5, "MYR": 0.23, "PHP": 0.0175, "SGD": 0.76, "THB": 0.030, "VND": 3.9e-5, "GBP": 1.29, "USD": 1.0,
        "EUR": 1.12, "MXN": 0.053, "BRL": 0.18, "JPY": 0.0067, "AED": 0.272, "AUD": 0.65, "CAD": 0.72, "CHF": 1.2,
        "CLP": 0.00105, "CNY": 0.139, "COP": 2.4e-4, "CZK": 0.045, "DKK": 0.15, "HKD": 0.128, "HUF": 0.0028,
        "ILS": 0.28, "INR": 0.0117, "KHR": 2.45e-4, "KRW": 7.1e-4, "NOK": 0.096, "NZD": 0.59, "PEN": 0.27,
        "PLN": 0.26, "RON": 0.22, "SAR": 0.2667, "SEK": 0.1, "TWD": 0.032, "ZAR": 0.055,
    }
)  # fmt: skip
"""USD for one unit, roughly, in the middle of the 2020s: to tell a rate that is upside down, never to turn money."""
