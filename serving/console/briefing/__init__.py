"""Writing a brief: its fields, what they mean to the service, and the file of those who asked for a sample."""

from serving.console.briefing.applicants import read_applicants
from serving.console.briefing.form import BriefForm
from serving.console.briefing.terms import as_brief, as_fields, faults_of, is_begun, still_needed

__all__ = ["BriefForm", "as_brief", "as_fields", "faults_of", "is_begun", "read_applicants", "still_needed"]
