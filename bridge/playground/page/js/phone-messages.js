/** What a phone shows of a message: text, pictures, sounds, files, places, the app's own kinds, and what was recalled. */

import { h, icon, link, own } from "./dom.js";
import { word } from "./words.js";

/** A message in one line, for lists and notifications. */
export function preview(content) {
  if (content.kind === "text") return content.text.replace(/\s+/g, " ");
  if (content.kind === "recalled") return word("recalledBrief");
  const text = content.text || (content.kind === "file" ? content.name : "");
  return `${word(content.kind)} ${text}`.trim();
}

/** A message's content. @returns {HTMLElement} */
export function renderContent(content) {
  return (KINDS[content.kind] ?? KINDS.custom)(content);
}

const caption = (content) => (content.text ? h("p", { class: "say", text: content.text }) : null);

const KINDS = {
  text: (content) => h("p", { class: "say", text: content.text }),
  recalled: () => h("p", { class: "recalled", text: word("recalled") }),
  image: (content) => {
    const address = own(content.url);
    const shown = address
      ? h("img", { class: "picture", src: address, alt: content.text || content.name, loading: "lazy" })
      : elsewhere(content, "image");
    return h("div", { class: "media" }, shown, caption(content));
  },
  audio: (content) => {
    const address = own(content.url);
    const shown = address
      ? h("audio", { controls: true, preload: "none", src: address, "aria-label": content.text || content.name })
      : elsewhere(content, "sound");
    return h("div", { class: "media" }, shown, caption(content));
  },
  video: (content) => {
    const address = own(content.url);
    const shown = address
      ? h("video", { controls: true, preload: "none", src: address, "aria-label": content.text || content.name })
      : elsewhere(content, "play");
    return h("div", { class: "media" }, shown, caption(content));
  },
  file: (content) => h("div", { class: "media" }, elsewhere(content, "file"), caption(content)),
  location: place,
  custom: (content) =>
    h(
      "div",
      { class: "custom" },
      h("p", { class: "custom-head" }, icon("gift"), content.text || word("custom")),
      h("pre", { tabindex: "0", text: JSON.stringify(content.body, null, 1) }),
    ),
};

/** A card for what lies elsewhere: its name, its size, where it leads. */
function elsewhere(content, sign) {
  const address = own(content.url);
  const size = content.size ? ` · ${Math.max(1, Math.round(content.size / 1024))} KB` : "";
  return h(
    "div",
    { class: "card" },
    icon(sign),
    h(
      "div",
      {},
      address
        ? h("a", { href: address, target: "_blank", rel: "noopener noreferrer", text: content.name })
        : link(content.url, content.name || content.url),
      h("small", { text: address ? size.slice(3) : word("outside", { host: hostOf(content.url) }) + size }),
    ),
  );
}

function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

function place(content) {
  const position = `${content.latitude.toFixed(4)}, ${content.longitude.toFixed(4)}`;
  const address = `https://www.openstreetmap.org/?mlat=${content.latitude}&mlon=${content.longitude}#map=13/${content.latitude}/${content.longitude}`;
  return h(
    "div",
    { class: "place" },
    h("div", { class: "map", role: "img", "aria-label": word("map", { place: position }) }, icon("pin")),
    caption(content),
    h("small", {}, link(address, position)),
  );
}
