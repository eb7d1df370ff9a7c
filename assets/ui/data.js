/* Files of any kind by drop or dialogue; too large ones are named before they are sent. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  const MOST_FILES = 500, AT_ONCE = 4;

  async function sent(files, upload, said) {
    const paths = [], lost = [], waiting = [...files.entries()];
    let done = 0;
    const worker = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [at, file] = next;
        try {
          const answer = await upload(file);
          if (answer?.path) paths[at] = answer.path; else lost.push(file.name);
        } catch { lost.push(file.name); }
        done += 1;
        said.textContent = say("Uploading: {done} of {count} …", { done, count: files.length });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return { paths: paths.filter(Boolean), lost };
  }

  function mountFiles(element, trigger, upload) {
    const input = element.querySelector("input[type=file]"), button = element.querySelector(".xp-choose");
    const said = element.querySelector(".xp-uploading"), most = Number(input.dataset.most);
    let busy = false;
    async function take(list) {
      const all = Array.from(list).slice(0, MOST_FILES), files = all.filter((file) => file.size <= most);
      if (busy || !all.length) return;
      busy = true;
      const large = all.filter((file) => file.size > most).map((file) => `${file.name} (${Math.ceil(file.size / 2 ** 20)} MB)`);
      said.textContent = say(files.length === 1 ? "Uploading {count} file …" : "Uploading {count} files …", { count: files.length });
      const { paths, lost } = files.length ? await sent(files, upload, said) : { paths: [], lost: [] };
      const words = [];
      if (large.length) words.push(say("Too large, at most {most} MB each: {names}", { most: Math.floor(most / 2 ** 20), names: large.slice(0, 3).join(", ") }));
      if (lost.length) words.push(say("Could not be uploaded: {names}", { names: lost.slice(0, 3).join(", ") }));
      if (list.length > MOST_FILES) words.push(say("Only the first {most} files were taken: a zip takes more", { most: MOST_FILES }));
      said.textContent = words.join(". ");
      busy = false;
      if (paths.length) trigger("dropped", { paths });
    }
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
    for (const name of ["dragenter", "dragover"]) element.addEventListener(name, (event) => { event.preventDefault(); element.classList.add("xp-over"); });
    for (const name of ["dragleave", "drop"]) element.addEventListener(name, () => element.classList.remove("xp-over"));
    element.addEventListener("drop", (event) => { event.preventDefault(); take([...event.dataTransfer.files]); });
  }
  return { mountFiles };
})());
