// Clients of LeanCloud's own SDK, told what to do by JSON lines: {id, client, do, with} in, {id, result | error} out,
// and {client, event, data} for what a client hears.

const readline = require('readline');
const { Realtime, TextMessage, BinaryMessage, MessageQueryDirection } = require('leancloud-realtime');

const [host, appId, appKey] = process.argv.slice(2);
const clients = {};
const conversations = {};

const say = line => process.stdout.write(`${JSON.stringify(line)}\n`);

const shown = message => ({
  id: message.id,
  from: message.from,
  cid: message.cid,
  text: message.text,
  type: message.type,
  content: message.content,
  attributes: message.attributes,
  mentioned: message.mentioned,
});

const heard = {
  message: (message, conversation) => ({ ...shown(message), conversation: conversation.id }),
  messagerecall: message => shown(message),
  messageupdate: message => shown(message),
  invited: ({ invitedBy }, conversation) => ({ by: invitedBy, conversation: conversation.id }),
  kicked: ({ kickedBy }, conversation) => ({ by: kickedBy, conversation: conversation.id }),
  membersjoined: ({ members, invitedBy }) => ({ members, by: invitedBy }),
  membersleft: ({ members, kickedBy }) => ({ members, by: kickedBy }),
  conversationinfoupdated: ({ attributes, updatedBy }) => ({ attributes, by: updatedBy }),
  memberinfoupdated: ({ member }) => ({ member }),
  unreadmessagescountupdate: list => list.map(one => [one.id, one.unreadMessagesCount]),
  blocked: ({ blockedBy }) => ({ by: blockedBy }),
  muted: ({ mutedBy }) => ({ by: mutedBy }),
  conflict: data => data,
  close: data => data,
  disconnect: () => ({}),
  reconnect: () => ({}),
  reconnecterror: error => ({ code: error.code }),
};

const find = async (client, id) => {
  const conversation = await clients[client].getConversation(id);
  if (!conversation) throw new Error(`no conversation ${id}`);
  conversations[`${client}/${id}`] = conversation;
  return conversation;
};

const deeds = {
  async open(client, { options = {}, ...settings }) {
    const realtime = new Realtime({
      appId,
      appKey,
      server: { RTMRouter: host, api: host },
      RTMServers: `ws://${host}`,
      ...settings,
    });
    if (options.signature) {
      const { signature } = options;
      options.signatureFactory = () => signature;
    }
    const opened = await realtime.createIMClient(client, options);
    clients[client] = opened;
    opened.realtime = realtime;
    Object.keys(heard).forEach(event =>
      opened.on(event, (...data) => say({ client, event, data: heard[event](...data) }))
    );
    return opened.id;
  },
  close: client => clients[client].close(),
  ping: (client, { ids }) => clients[client].ping(ids),
  async create(client, options) {
    const conversation = await clients[client].createConversation(options);
    return { id: conversation.id, members: conversation.members, topic: conversation.get('topic') };
  },
  async room(client, options) {
    return (await clients[client].createChatRoom(options)).id;
  },
  async temporary(client, options) {
    const conversation = await clients[client].createTemporaryConversation(options);
    return { id: conversation.id, lives: conversation.expiredAt - Date.now() };
  },
  async join(client, { id }) {
    return (await (await find(client, id)).join()).members;
  },
  async quit(client, { id }) {
    return (await (await find(client, id)).quit()).members;
  },
  add: async (client, { id, members }) => (await find(client, id)).add(members),
  remove: async (client, { id, members }) => (await find(client, id)).remove(members),
  count: async (client, { id }) => (await find(client, id)).count(),
  async rename(client, { id, name }) {
    const conversation = await find(client, id);
    conversation.name = name;
    conversation.set('attr.colour', 'red');
    return (await conversation.save()).name;
  },
  async query(client, { equal = {}, limit = 10 }) {
    const query = clients[client].getQuery().limit(limit).withLastMessagesRefreshed();
    Object.keys(equal).forEach(key => query.equalTo(key, equal[key]));
    return (await query.find()).map(one => ({
      id: one.id,
      name: one.name,
      members: one.members,
      last: one.lastMessage && one.lastMessage.text,
    }));
  },
  async send(client, { id, text, bytes, mentions, ...options }) {
    const message = bytes ? new BinaryMessage(Uint8Array.from(bytes).buffer) : new TextMessage(text);
    if (mentions) message.setMentionList(mentions);
    const sent = await (await find(client, id)).send(message, options);
    sent.conversationHere = id;
    clients[client].sent = sent;
    return shown(sent);
  },
  recall: async (client, { id }) => shown(await (await find(client, id)).recall(clients[client].sent)),
  update: async (client, { id, text }) =>
    shown(await (await find(client, id)).update(clients[client].sent, new TextMessage(text))),
  async history(client, { id, forwards, ...options }) {
    const { OLD_TO_NEW, NEW_TO_OLD } = MessageQueryDirection;
    const direction = forwards ? OLD_TO_NEW : NEW_TO_OLD;
    return (await (await find(client, id)).queryMessages({ ...options, direction })).map(shown);
  },
  async pages(client, { id, limit }) {
    const iterator = (await find(client, id)).createMessagesIterator({ limit });
    const pages = [];
    for (;;) {
      const { done, value } = await iterator.next();
      pages.push(value.map(message => message.text));
      if (done) return pages;
    }
  },
  read: async (client, { id }) => {
    await (await find(client, id)).read();
  },
  async receipts(client, { id }) {
    const conversation = await (await find(client, id)).fetchReceiptTimestamps();
    return [conversation.lastDeliveredAt, conversation.lastReadAt].map(date => date && date.getTime());
  },
  mute: async (client, { id }) => (await (await find(client, id)).mute()).muted,
  silence: async (client, { id, members }) => (await find(client, id)).muteMembers(members),
  silenced: async (client, { id }) => (await find(client, id)).queryMutedMembers({}),
  block: async (client, { id, members }) => (await find(client, id)).blockMembers(members),
  blocked: async (client, { id }) => (await find(client, id)).queryBlockedMembers({}),
  promote: async (client, { id, member }) => (await find(client, id)).updateMemberRole(member, 'Manager'),
  async retry(client) {
    clients[client].realtime.retry();
  },
};

readline.createInterface({ input: process.stdin }).on('line', async line => {
  const { id, client, do: deed, with: details } = JSON.parse(line);
  try {
    say({ id, result: (await deeds[deed](client, details || {})) || null });
  } catch (error) {
    say({ id, error: { code: error.code, message: error.message } });
  }
}).on('close', () => process.exit(0));
