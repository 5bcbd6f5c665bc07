// What the page does beside Streamlit: passages over citation marks, copying, and announcing that an answer is done.
// Text comes from documents and models, so it is only ever put in as textContent; addresses are http(s) or our own.

const SHOW_AFTER = 120;
const HIDE_AFTER = 220;
const HANDOVER = 2000;

const STYLE = `
  :host { all: initial; }
  .card { position: fixed; z-index: 999990; box-sizing: border-box; width: min(27rem, calc(100vw - 1.5rem)); max-height: 22rem;
    overflow: auto; padding: .9rem 1rem; border-radius: .75rem; border: 1px solid var(--line); background: var(--paper);
    color: var(--ink); font: 400 .9rem/1.55 var(--font, system-ui, sans-serif); box-shadow: 0 10px 34px rgb(0 0 0 / .22); }
  .card[hidden] { display: none; }
  .title { font-weight: 650; margin: 0 2rem 0 0; overflow-wrap: anywhere; }
  .section, .about { color: var(--quiet); font-size: .8rem; margin: .1rem 0 0; overflow-wrap: anywhere; }
  .passage { margin: .6rem 0; white-space: pre-line; overflow-wrap: anywhere; }
  mark { background: var(--marker); color: inherit; border-radius: .2em; padding: .05em .1em; }
  a { color: var(--link); font-weight: 600; font-size: .85rem; }
  .foot { display: flex; gap: 1rem; justify-content: space-between; align-items: baseline; flex-wrap: wrap; }
  .close { position: absolute; top: .5rem; right: .6rem; width: 2rem; height: 2rem; border: 0; border-radius: .5rem; cursor: pointer;
    background: transparent; color: var(--quiet); font: 400 1.25rem/1 var(--font, sans-serif); }
  a:focus-visible, .close:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
  .sheet { left: 0 !important; right: 0; top: auto !important; bottom: 0; width: 100vw; max-height: 60vh; border-width: 1px 0 0;
    border-radius: 1rem 1rem 0 0; padding: 1.1rem 1.1rem calc(1.1rem + env(safe-area-inset-bottom)); }
  .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

const COLOURS = {
  light: { paper: "#ffffff", ink: "#1a2321", quiet: "#55635f", line: "#d8dedb", link: "#0b6b5d", marker: "#ffe9a8" },
  dark: { paper: "#1c2423", ink: "#e7edeb", quiet: "#a3b1ad", line: "#3b4a46", link: "#6fd3bf", marker: "#5c4a10" },
};


function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function isDark() {
  const app = document.querySelector(".stApp");
  return app !== null && getComputedStyle(app).colorScheme.includes("dark");
}

function safeAddress(address) {
  return /^https?:\/\//i.test(address) || /^\/(?!\/)/.test(address);
}

const MARK = 'a.sitechat-mark, a[title^="Source "]';
const CHECK = 'a.sitechat-check, a[title^="Check this"]';

function keyOf(node, prefix) {
  const holder = node.closest(`[class*="st-key-${prefix}-"]`);
  if (holder === null) return null;
  const name = [...holder.classList].find((c) => c.startsWith(`st-key-${prefix}-`));
  return name ? name.slice(`st-key-${prefix}-`.length) : null;
}

function makeHost() {
  const host = element("div");
  const card = element("div", "card");
  card.hidden = true;
  card.setAttribute("role", "dialog");
  const spoken = element("div", "spoken");
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  host.attachShadow({ mode: "open" }).append(element("style", "", STYLE), card, spoken);
  return host;
}

function fromTooltip(tooltip, words) {
  const found = /^Source \d+: (.*) — “(.*)”$/s.exec(tooltip);
  return { title: found ? found[1] : tooltip, section: "", before: "", quote: found ? found[2] : "", after: "", about: "", words };
}

export default function ({ data }) {
  const before = window.sitechatReader; // what the last run knew; one at a time, even where it was not unmounted
  before?.dispose();
  const answers = data?.answers ?? {};
  const words = data?.words ?? {};
  const leaving = new AbortController();
  const listen = (target, type, handler, options = {}) =>
    target.addEventListener(type, handler, { ...options, signal: leaving.signal });

  // A card that is open stays open when the page runs again, as it does when an answer ends.
  const host = before?.host ?? makeHost();
  const card = host.shadowRoot.querySelector(".card");
  const spoken = host.shadowRoot.querySelector(".spoken");
  document.body.append(host);

  let shownFor = before?.shownFor() ?? null;
  let closing = false;
  let timer = 0;

  function paint() {
    const colours = isDark() ? COLOURS.dark : COLOURS.light;
    for (const [name, value] of Object.entries(colours)) card.style.setProperty(`--${name}`, value);
    const app = document.querySelector(".stApp");
    if (app) card.style.setProperty("--font", getComputedStyle(app).fontFamily);
  }

  function evidence(mark) {
    const tip = mark.dataset.tip ?? mark.title;
    if (mark.matches(CHECK)) {
      const checks = answers[keyOf(mark, "answer") ?? ""]?.checks ?? {};
      return checks[`${tip} ${mark.getAttribute("href")}`] ?? { title: tip };
    }
    const number = (/\d+/.exec(mark.textContent) ?? [""])[0];
    const known = answers[keyOf(mark, "answer") ?? ""]?.cards?.[number];
    return known ?? fromTooltip(tip, words);
  }

  function fill(mark) {
    const seen = evidence(mark);
    const passage = element("p", "passage");
    passage.append(document.createTextNode(seen.before ?? ""));
    if (seen.quote) passage.append(element("mark", "", seen.quote));
    passage.append(document.createTextNode(seen.after ?? ""));
    const foot = element("div", "foot");
    const address = mark.getAttribute("href") ?? "";
    if (safeAddress(address)) {
      const link = element("a", "", words.open ?? "Open the source");
      link.href = address;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      foot.append(link);
    }
    foot.append(element("span", "about", seen.about ?? ""));
    const close = element("button", "close", "×");
    close.setAttribute("aria-label", words.close ?? "Close");
    const parts = [element("p", "title", seen.title ?? "")];
    if (seen.section) parts.push(element("p", "section", seen.section));
    card.replaceChildren(...parts, passage, foot, close);
    card.setAttribute("aria-label", seen.title ?? "");
  }

  function place(mark, sheet) {
    card.classList.toggle("sheet", sheet);
    if (sheet) return;
    const at = mark.getBoundingClientRect();
    const box = card.getBoundingClientRect();
    const left = Math.min(Math.max(12, at.left - 24), window.innerWidth - box.width - 12);
    const below = at.bottom + 8 + box.height <= window.innerHeight || at.top < box.height + 16;
    card.style.left = `${left}px`;
    card.style.top = `${below ? at.bottom + 8 : at.top - box.height - 8}px`;
  }

  function show(mark, sheet) {
    clearTimeout(timer);
    if (shownFor === mark && !card.hidden) return;
    hush(mark);
    shownFor = mark;
    paint();
    fill(mark);
    card.hidden = false;
    card.classList.toggle("tapped", sheet);
    place(mark, sheet || window.innerWidth <= 640);
  }

  function hide(refocus = false) {
    clearTimeout(timer);
    if (card.hidden) return;
    card.hidden = true;
    const mark = shownFor;
    shownFor = null;
    if (mark?.dataset.tip) mark.title = mark.dataset.tip;
    if (mark && refocus) {
      closing = true; // the focus that goes back to the mark must not open the card again
      mark.focus({ preventScroll: true });
      closing = false;
    }
  }

  // The browser's own tooltip would cover the card.
  function hush(mark) {
    mark.classList.add(mark.matches(CHECK) ? "sitechat-check" : "sitechat-mark");
    if (mark.title) mark.dataset.tip = mark.title;
    mark.removeAttribute("title");
  }

  function markAt(event) {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest(`${MARK}, ${CHECK}`) ?? null;
    return link !== null && keyOf(link, "answer") !== null ? link : null;
  }

  listen(card, "click", (event) => { if (event.target.closest(".close")) hide(true); });
  listen(document, "pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const mark = markAt(event);
    if (mark) {
      clearTimeout(timer);
      hush(mark);
      timer = setTimeout(() => show(mark, false), SHOW_AFTER);
    } else if (!card.hidden && event.target !== host && !card.classList.contains("tapped")) {
      clearTimeout(timer);
      timer = setTimeout(hide, HIDE_AFTER);
    } else {
      clearTimeout(timer);
    }
  });
  listen(document, "focusin", (event) => {
    const mark = markAt(event);
    if (closing) return;
    if (mark && mark.matches(":focus-visible")) show(mark, false);
    else if (tabbed && event.target !== host) hide();
  });
  let tabbed = false; // else it is the page that moves the focus, as when an answer ends
  let touched = false;
  listen(document, "pointerdown", (event) => {
    tabbed = false;
    touched = event.pointerType !== "mouse";
    if (!card.hidden && event.target !== host && !markAt(event)) hide();
  }, { capture: true });
  listen(document, "click", (event) => {
    const mark = markAt(event);
    // Browsers whose clicks do not say what made them: what was seen last, which a run of the page in between forgets.
    if (!mark) return;
    const tapped = event.pointerType ? event.pointerType !== "mouse" : touched;
    if (tapped || mark.matches(CHECK)) { // words to check are words first: a click on them leads nowhere else
      event.preventDefault();
      show(mark, tapped);
    }
  }, { capture: true });
  listen(document, "keydown", (event) => {
    tabbed = event.key === "Tab";
    if (event.key !== "Escape" || card.hidden) return;
    event.stopPropagation();
    hide(true);
  }, { capture: true });
  listen(window, "scroll", () => { if (!card.classList.contains("sheet")) hide(); }, { capture: true, passive: true });
  listen(window, "resize", () => { if (!card.classList.contains("sheet")) hide(); });

  // Copying happens here, at once: a click that reached the server would wait behind a running answer.
  listen(document, "click", (event) => {
    const button = event.target instanceof Element ? event.target.closest('[class*="st-key-copy-"] button') : null;
    const key = button ? keyOf(button, "copy") : null;
    const text = key ? answers[key]?.markdown : undefined;
    if (text === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    copy(text).then(() => say(words.copied ?? "Copied"));
    button.classList.add("sitechat-copied");
    setTimeout(() => button.classList.remove("sitechat-copied"), 1600);
  }, { capture: true });

  function say(sentence) {
    spoken.textContent = "";
    requestAnimationFrame(() => { spoken.textContent = sentence; });
  }

  // Streamlit's notice that the server is gone speaks of its own command line; a reader of this page has none.
  const notices = new MutationObserver(() => {
    const box = document.querySelector('[role="dialog"]:not([data-sitechat])');
    if (!box || !box.textContent.includes("streamlit run")) return;
    box.dataset.sitechat = "";
    let body = box.querySelector("pre") ?? box;
    while (body !== box && !body.textContent.includes("Streamlit ")) body = body.parentElement;
    for (const part of body.children) part.style.display = "none";
    body.style.fontSize = "0";
    const ours = element("div", "", words.unreachable ?? "");
    ours.style.fontSize = "1rem";
    body.append(ours);
  });
  notices.observe(document.body, { childList: true, subtree: false });

  // How an answer ended is spoken once; what was there when the page was opened is not.
  const ended = data?.ended ?? null;
  if (ended && before && before.ended !== ended.of) say(ended.text);

  // A question just asked is brought into view; from there Streamlit follows the answer, unless one scrolls away.
  if (data?.turn && data.turn !== before?.turn) {
    const main = document.querySelector(".stMain");
    setTimeout(() => main?.scrollTo({ top: main.scrollHeight, behavior: "smooth" }), 150);
  }

  function dispose() {
    clearTimeout(timer);
    leaving.abort();
    notices.disconnect();
    host.remove();
  }
  const mine = { dispose, host, shownFor: () => shownFor, turn: data?.turn ?? null, ended: ended?.of ?? null };
  window.sitechatReader = mine;
  // A run of the page may take this away a moment before it mounts it anew; what is tapped in between is heard, too.
  return () => setTimeout(() => { if (window.sitechatReader === mine) dispose(); }, HANDOVER);
}

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = element("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
