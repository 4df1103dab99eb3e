// A file that its user picks, read in the browser and sent over the page's own connection.
let count = 0;

export default {
  template: `
    <div class="cr-field">
      <label :for="me">{{ label }}</label>
      <input :id="me" type="file" :accept="accept" :aria-describedby="me + '-hint'" @change="read" />
      <p :id="me + '-hint'" :class="fault ? 'cr-fault' : 'cr-hint'" :role="fault ? 'alert' : null">{{ fault || hint }}</p>
    </div>`,
  props: { label: String, accept: String, hint: String, largest: Number },
  emits: ["picked"],
  data() {
    return { fault: "", me: `cr-file-${++count}` };
  },
  methods: {
    async read(event) {
      const file = event.target.files[0];
      this.fault = "";
      if (!file) return;
      if (file.size > this.largest) {
        this.fault = `The file may have ${Math.floor(this.largest / 1e6)} MB at most.`;
        return;
      }
      const bytes = new Uint8Array(await file.arrayBuffer());
      let text = "";
      for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
      this.$emit("picked", { name: file.name, content: btoa(text) });
    },
  },
};
