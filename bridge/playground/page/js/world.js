/** What is known of the workspace, whoever looks at it. */

export class World {
  constructor() {
    this.team = "";
    this.bot = "";
    this.users = new Map();
    this.channels = new Map();
    this.messages = new Map();
    this.views = new Map();
    this.shortcuts = [];
    this.names = {
      user: (id) => this.users.get(id)?.name ?? id,
      channel: (id) => this.channels.get(id)?.name ?? id,
    };
  }

  /** Take in everything, anew. */
  load(everything) {
    this.team = everything.team;
    this.bot = everything.bot;
    this.users = new Map(everything.users.map((user) => [user.id, user]));
    this.channels = new Map(everything.channels.map((channel) => [channel.id, channel]));
    this.views = new Map(everything.views.map((view) => [view.id, view]));
    this.shortcuts = everything.shortcuts;
    this.messages = new Map();
    for (const message of everything.messages) this.put(message);
  }

  /** Take a message in, or its next version; whether it is new. */
  put(message) {
    if (!this.messages.has(message.channel)) this.messages.set(message.channel, new Map());
    const there = this.messages.get(message.channel);
    const isNew = !there.has(message.ts);
    there.set(message.ts, message);
    return isNew;
  }

  /** What someone sees in a channel, oldest first. */
  visible(channel, me) {
    const all = [...(this.messages.get(channel)?.values() ?? [])];
    return all.filter((message) => !message.to || message.to === me).sort((one, two) => Number(one.ts) - Number(two.ts));
  }

  /** Whether a message stands in the thread of another, and not in the channel itself. */
  isReply(message) {
    return Boolean(message.thread) && message.thread !== message.ts && this.messages.get(message.channel).has(message.thread);
  }

  /** What someone sees in a thread below its first message, oldest first. */
  replies(channel, ts, me) {
    return this.visible(channel, me).filter((message) => message.thread === ts && message.ts !== ts);
  }

  /** The direct message between someone and the app. */
  appChannel(me) {
    const theirs = (channel) => channel.kind === "direct" && channel.members.includes(me) && channel.members.includes(this.bot);
    return [...this.channels.values()].find(theirs);
  }

  /** The modals before someone, the topmost last. */
  stack(me) {
    return [...this.views.values()].filter((view) => view.user === me && view.body.type === "modal");
  }

  /** Someone's Home tab of the app. */
  home(me) {
    return [...this.views.values()].findLast((view) => view.user === me && view.body.type === "home");
  }

  /** Those whom one can act as. */
  get people() {
    return [...this.users.values()].filter((user) => user.person);
  }
}
