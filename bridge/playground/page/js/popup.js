/** What opens beside a control, above everything else: lists of menus, and menus of things to do. */

import { h } from "./dom.js";

const GAP = 4;
const EDGE = 8;

/** Show an element of `popover` kind below its anchor, or above where there is more room; returns how to hide it. */
export function showBeside(popup, anchor, { wide = false, atEnd = false } = {}) {
  const place = () => {
    const box = anchor.getBoundingClientRect();
    if (wide) popup.style.width = `${box.width}px`;
    popup.style.maxHeight = "";
    const below = window.innerHeight - box.bottom - GAP - EDGE;
    const above = box.top - GAP - EDGE;
    const up = below < Math.min(popup.scrollHeight, 240) && above > below;
    popup.style.maxHeight = `${Math.min(320, Math.max(up ? above : below, 80))}px`;
    const width = popup.offsetWidth;
    const start = atEnd ? box.right - width : box.left;
    popup.style.left = `${Math.max(EDGE, Math.min(start, window.innerWidth - width - EDGE))}px`;
    popup.style.top = `${up ? box.top - GAP - popup.offsetHeight : box.bottom + GAP}px`;
  };
  const follow = (event) => {
    if (event.target !== popup) place();
  };
  popup.showPopover();
  place();
  window.addEventListener("scroll", follow, true);
  window.addEventListener("resize", place);
  const hide = () => {
    window.removeEventListener("scroll", follow, true);
    window.removeEventListener("resize", place);
    if (popup.isConnected && popup.matches(":popover-open")) popup.hidePopover();
  };
  hide.place = place;
  return hide;
}

/**
 * Open a menu at a button; arrow keys move in it, Escape and a click elsewhere close it.
 * @param {{label: string, note?: string, sign?: Node, run: () => void}[]} items
 */
export function openMenu(button, label, items, { atEnd = false } = {}) {
  const rows = items.map((item) =>
    h(
      "button",
      { type: "button", role: "menuitem", tabindex: "-1", on: { click: () => close(item.run) } },
      item.sign ?? null,
      h("span", {}, h("strong", { text: item.label }), item.note ? h("small", { text: item.note }) : null),
    ),
  );
  const popup = h("div", { class: "menu", role: "menu", "aria-label": label, popover: "manual", on: { keydown: key } }, ...rows);
  button.after(popup);
  const hide = showBeside(popup, button, { atEnd });
  button.setAttribute("aria-expanded", "true");
  const outside = (event) => {
    if (!popup.contains(event.target)) close();
  };
  const leave = (event) => {
    if (event.relatedTarget && !popup.contains(event.relatedTarget)) close(null, false);
  };
  let open = true;
  popup.addEventListener("focusout", leave);
  setTimeout(() => document.addEventListener("pointerdown", outside, true));
  rows[0]?.focus();

  function close(run = null, back = true) {
    if (!open) return;
    open = false;
    hide();
    document.removeEventListener("pointerdown", outside, true);
    button.setAttribute("aria-expanded", "false");
    if (back) button.focus({ preventScroll: true });
    popup.remove();
    run?.();
  }

  function key(event) {
    const at = rows.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) rows.at((at + step) % rows.length).focus();
    else if (event.key === "Home") rows[0].focus();
    else if (event.key === "End") rows.at(-1).focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
