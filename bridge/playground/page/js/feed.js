/** The page's line to its server: one WebSocket that tells, small posts that act. */

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 5_000;

/** Listen until the page closes; each connection begins with an `everything`. */
export function follow(told, connected) {
  let pause = FIRST_PAUSE;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/playground/feed`);
    socket.addEventListener("open", () => {
      pause = FIRST_PAUSE;
      connected(true);
    });
    socket.addEventListener("message", (message) => told(JSON.parse(message.data)));
    socket.addEventListener("close", () => {
      connected(false);
      setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };
  open();
}

/** Do something; resolves to the answer, whose `error` says why nothing came of it. */
export async function act(what, body) {
  try {
    const answer = await fetch(`/playground/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch (error) {
    return { error: error.message };
  }
}

/** Read something; resolves to it, or to an object with an `error`. */
export async function look(what) {
  try {
    const answer = await fetch(`/playground/${what}`);
    return await answer.json();
  } catch (error) {
    return { error: error.message };
  }
}
