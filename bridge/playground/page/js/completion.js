/** What could be typed next in a slash command; pure: a line in, suggestions out. */

/**
 * @typedef {{label: string, detail: string, note: string, line: string, near?: boolean}} Suggestion  `line` is the composer's text when it is taken, `near` that it begins as typed
 * @typedef {{command: object, current: number}} Usage  the command being typed, and the parameter that is next
 * @typedef {{items: Suggestion[], sure: boolean, usage: Usage | null}} Completion  `sure`: Enter takes the first instead of sending
 * @typedef {{slash: string[], commands: object[], conversations: object[], clients: object[]}} Known
 */

const NOTHING = { items: [], sure: false, usage: null };
const MOST = 40;

/** @param {string} line @param {Known} known @returns {Completion} */
export function complete(line, known) {
  if (!line.startsWith("/")) return NOTHING;
  const space = line.indexOf(" ");
  const slash = space < 0 ? line : line.slice(0, space);
  const name = known.slash.find((each) => (space < 0 ? each.startsWith(slash) : each === slash));
  if (!name) return NOTHING;
  const rest = space < 0 ? "" : line.slice(space + 1).replace(/^ +/, "");
  const command = longest(known.commands.filter((each) => rest.toLowerCase().startsWith(`${each.name} `)));
  if (command) return argument(`${name} ${command.name} `, rest.slice(command.name.length + 1), command, known);
  return names(name, rest, known.commands, space < 0 && line !== name);
}

const longest = (commands) => commands.sort((one, two) => two.name.length - one.name.length)[0];

function names(slash, typed, commands, unfinished) {
  const wanted = typed.toLowerCase().trimStart();
  const begins = commands.filter((each) => each.name.startsWith(wanted));
  const holds = commands.filter((each) => !begins.includes(each) && wanted.length > 1 && each.name.includes(wanted));
  const items = [...begins, ...holds].map((each) => ({
    label: `${slash} ${each.name}`,
    detail: each.usage.slice(each.name.length).trim(),
    note: each.summary,
    line: `${slash} ${each.name} `,
  }));
  const exact = commands.some((each) => each.name === wanted.trimEnd());
  return { items, sure: items.length > 0 && !exact && (wanted !== "" || unfinished), usage: null };
}

function argument(before, typed, command, known) {
  const tokens = typed.match(/"[^"]*"?|“[^”]*”?|\S+/g) ?? [];
  const fresh = typed === "" || /\s$/.test(typed);
  const current = fresh ? "" : tokens.pop();
  const start = before + typed.slice(0, typed.length - current.length);
  const { parameter, used } = expected(tokens, command);
  const index = command.parameters.indexOf(parameter);
  const usage = { command, current: index };
  if (/^(--|—)/.test(current)) {
    const items = command.parameters
      .filter((each) => each.option && (each.many || !used.has(each.word)) && `--${each.word}`.startsWith(current.replace("—", "--")))
      .map((each) => ({ label: `--${each.word}`, detail: each.flag ? "" : each.noun, note: each.help, line: `${start}--${each.word} `, near: true }));
    return settled(items, current, usage);
  }
  if (!parameter || (parameter.trailing && tokensOf(tokens, command) > 0)) return { ...NOTHING, usage };
  return settled(values(parameter, current, known, start), current, usage);
}

/** Which parameter the next word is for, and which options are there already. */
function expected(tokens, command) {
  const positional = command.parameters.filter((each) => !each.option);
  const used = new Set();
  let place = 0;
  let pending = null;
  for (const token of tokens) {
    const option = token.startsWith("--") ? command.parameters.find((each) => each.option && `--${each.word}` === token) : null;
    if (pending) pending = null;
    else if (option) {
      used.add(option.word);
      pending = option.flag ? null : option;
    } else if (place < positional.length - 1 || !(positional[place]?.many || positional[place]?.trailing)) place += 1;
  }
  return { parameter: pending ?? positional[place] ?? null, used };
}

/** How many words stand in the trailing text already. */
function tokensOf(tokens, command) {
  const before = command.parameters.filter((each) => !each.option && !each.trailing).length;
  return tokens.filter((token) => !token.startsWith("--")).length - before;
}

function values(parameter, current, known, start) {
  const comma = parameter.noun === "ID" ? current.lastIndexOf(",") + 1 : 0;
  const typed = current.slice(comma).replace(/^["“]/, "").toLowerCase();
  const stem = start + current.slice(0, comma);
  const all = choices(parameter, known);
  const begins = all.filter((each) => each.value.toLowerCase().startsWith(typed));
  const holds = all.filter((each) => !begins.includes(each) && `${each.value} ${each.detail}`.toLowerCase().includes(typed));
  const offered = (some, near) => some.map((each) => ({ label: each.value, detail: each.detail, note: "", line: `${stem}${quoted(each.value)} `, near }));
  return [...offered(begins, true), ...offered(holds, false)];
}

function choices(parameter, known) {
  if (parameter.choices.length) return parameter.choices.map((value) => ({ value, detail: "" }));
  if (parameter.noun === "CONV") return known.conversations;
  if (parameter.noun === "ID") return known.clients;
  if (parameter.noun === "COMMAND") return known.commands.map((each) => ({ value: each.name, detail: each.summary }));
  return [];
}

const quoted = (value) => (/\s/.test(value) && !/^[a-z ]+$/.test(value) ? `"${value}"` : value);

function settled(items, current, usage) {
  const exact = items.some((item) => item.label === current);
  return { items: items.slice(0, MOST), sure: current !== "" && !exact && items[0]?.near === true, usage };
}
