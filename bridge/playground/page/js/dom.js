/** Builds the page's elements: text is only ever text, so nothing that arrives can become markup. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  airplane: "M21 15v-2l-8-5V3.5a1.5 1.5 0 0 0-3 0V8l-8 5v2l8-2.5V18l-2 1.5V21l3.5-1 3.5 1v-1.5L13 18v-5.5z",
  back: "M15 5l-7 7 7 7",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4",
  bolt: "M13 3L5 14h6l-1 7 8-11h-6z",
  bubble: "M4 5h16v11H10l-4 4v-4H4z",
  check: "M5 13l4 4L19 7",
  close: "M6 6l12 12M18 6L6 18",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
  down: "M6 9l6 6 6-6",
  eye: "M2 12s4-6 10-6 10 6 10 6-4 6-10 6-10-6-10-6zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  gift: "M4 11h16v10H4zM3 7h18v4H3zM12 7v14M12 7s-5 0-5-3 4-2 5 3zM12 7s5 0 5-3-4-2-5 3z",
  hash: "M5 9h15M4 15h15M10 4L8 20M16 4l-2 16",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  megaphone: "M4 10v4h3l9 5V5L7 10zM19 9.5a4 4 0 0 1 0 5M8 14.5V20h3v-4",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-4 3-6 6-6s6 2 6 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3 2.7 3 5.5",
  pin: "M12 21s7-6.5 7-11.5A7 7 0 0 0 5 9.5C5 14.5 12 21 12 21zM12 7a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  play: "M8 5l11 7-11 7z",
  room: "M4 20V9l8-5 8 5v11M9 20v-6h6v6",
  reply: "M9 6L4 11l5 5M4 11h10a6 6 0 0 1 6 6v1",
  send: "M4 12l16-8-5 16-3.5-6.5z",
  sound: "M4 10v4h4l5 4V6L8 10zM16.5 9a4 4 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11",
};

/**
 * An element. `props` may hold `class`, `text`, `on` ({event: listener}), `data` (dataset), any attribute; null and
 * false leave an attribute out. Children are nodes or text.
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A decorative line icon in the colour of the text around it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

const HUES = [174, 206, 232, 268, 318, 352, 18, 150];

/** A round or square badge with someone's first character, its colour chosen by the id. */
export function avatar(name, id, sign = null) {
  const sum = [...id].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 9973, 7);
  const badge = h("span", { class: "avatar", "aria-hidden": "true" }, sign ? icon(sign) : [...name.trim()][0] ?? "?");
  badge.style.setProperty("--hue", HUES[sum % HUES.length]);
  return badge;
}

/** A link that leaves the page, or plain text where the address is none that a browser should follow. */
export function link(url, label) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return h("span", { text: label });
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", text: label });
}

/** Give a container these children; those that are in it already stay where they are, with their focus. */
export function settle(container, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...container.childNodes]) if (!wanted.has(child)) child.remove();
  let at = container.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else container.insertBefore(node, at);
  }
}

/** Draw anew; who was in a control is in its successor afterwards, at the same letter. */
export function keepingFocus(root, draw) {
  const was = document.activeElement;
  const holder = root.contains(was) ? was.closest("[data-action]") : null;
  const item = holder?.closest("[data-ts]")?.dataset.ts;
  const caret = holder && "selectionStart" in was ? was.selectionStart : null;
  draw();
  if (!holder || was.isConnected) return;
  const { block, action } = holder.dataset;
  const within = item ? root.querySelector(`[data-ts="${item}"]`) : root;
  const next = [...(within?.querySelectorAll("[data-action]") ?? [])].find((each) => each.dataset.block === block && each.dataset.action === action);
  const field = next?.matches("input, textarea, button, a") ? next : next?.querySelector("input, textarea, button");
  field?.focus({ preventScroll: true });
  if (caret !== null && field?.type === was.type && field.setSelectionRange) field.setSelectionRange(caret, caret);
}

/** Keep a list at its end while pictures in it load and make it longer, unless its reader has scrolled away. */
export function stickToEnd(list) {
  let atEnd = true;
  list.addEventListener("scroll", () => (atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40));
  list.addEventListener("load", () => atEnd && list.scrollTo(0, list.scrollHeight), true);
  return list;
}

const GAME = "https://harbor.example/art/";

/** The address of a picture or sound that the page has itself, or null: it loads nothing from elsewhere. */
export function own(url) {
  if (url.startsWith(GAME)) return `art/${encodeURIComponent(url.slice(GAME.length))}`;
  try {
    const address = new URL(url);
    return address.origin === location.origin && address.pathname.startsWith("/art/") ? address.pathname : null;
  } catch {
    return null;
  }
}
