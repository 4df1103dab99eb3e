// A plain field that keeps what is typed: the page may be drawn anew around it while its user writes.
let count = 0;

export default {
  template: `
    <div :class="['cr-field', 'cr-field-' + kind, { 'cr-field-bare': bare }]">
      <label v-if="kind !== 'checkbox'" :for="me" :class="{ 'cr-hidden': bare }">{{ label }}<span v-if="required" aria-hidden="true"> *</span></label>
      <div class="cr-field-line">
        <select v-if="kind === 'select'" :id="me" v-model="now" v-bind="aria" @change="tell(0)">
          <option v-for="[key, word] in options" :key="key" :value="key">{{ word }}</option>
        </select>
        <textarea v-else-if="kind === 'textarea'" :id="me" v-model="now" v-bind="aria" rows="4" :placeholder="placeholder"
          dir="auto" @input="tell(wait)" @change="tell(0)"></textarea>
        <label v-else-if="kind === 'checkbox'" class="cr-check">
          <input :id="me" type="checkbox" v-model="now" v-bind="aria" @change="tell(0)" /><span>{{ label }}</span>
        </label>
        <input v-else :id="me" :type="kind" v-model="now" v-bind="{ ...aria, ...bounds }" :placeholder="placeholder"
          :list="suggests ? me + '-list' : null" :inputmode="kind === 'number' ? 'decimal' : null" autocomplete="off"
          :dir="kind === 'text' || kind === 'search' ? 'auto' : null" @input="tell(wait)" @change="tell(0)" />
        <output v-if="kind === 'range'" :for="me">{{ now }}</output>
        <span v-if="unit" class="cr-unit">{{ unit }}</span>
        <datalist v-if="suggests" :id="me + '-list'">
          <option v-for="[key, word] in options" :key="key" :value="key">{{ word === key ? '' : word }}</option>
        </datalist>
      </div>
      <p v-if="fault" :id="me + '-fault'" class="cr-fault">{{ fault }}</p>
      <p v-else-if="warning" :id="me + '-fault'" class="cr-warned">{{ warning }}</p>
      <p v-else-if="hint" :id="me + '-hint'" class="cr-hint">{{ hint }}</p>
    </div>`,
  props: {
    label: String,
    kind: String,
    value: null,
    options: Array,
    hint: String,
    unit: String,
    placeholder: String,
    low: Number,
    high: Number,
    step: Number,
    wait: Number,
    bare: Boolean,
    required: Boolean,
    fault: String,
    warning: String,
  },
  emits: ["changed"],
  data() {
    return { now: this.shown(this.value), told: this.value, timer: null, me: `cr-field-${++count}` };
  },
  computed: {
    suggests() {
      return this.kind === "text" && this.options.length > 0;
    },
    aria() {
      const said = this.fault || this.warning ? `${this.me}-fault` : this.hint ? `${this.me}-hint` : null;
      return {
        "aria-invalid": this.fault ? "true" : null,
        "aria-describedby": said,
        "aria-required": this.required ? "true" : null,
      };
    },
    bounds() {
      return this.kind === "number" || this.kind === "range"
        ? { min: this.low, max: this.high, step: this.step ?? (this.kind === "number" ? "any" : null) }
        : {};
    },
  },
  methods: {
    shown(value) {
      return value === null || value === undefined ? (this.kind === "checkbox" ? false : "") : value;
    },
    meant() {
      if (this.kind !== "number" && this.kind !== "range") return this.now === "" ? null : this.now;
      const number = typeof this.now === "number" ? this.now : Number.parseFloat(this.now);
      return Number.isFinite(number) ? number : null;
    },
    tell(wait) {
      clearTimeout(this.timer);
      if (wait > 0) this.timer = setTimeout(this.say, wait);
      else this.say(); // in the same turn: a button that is pressed next is heard after it
    },
    say() {
      const value = this.meant();
      if (value === this.told) return;
      this.told = value;
      this.$emit("changed", value);
    },
    put(value) {
      clearTimeout(this.timer);
      this.now = this.shown(value);
      this.told = this.meant();
    },
  },
};
