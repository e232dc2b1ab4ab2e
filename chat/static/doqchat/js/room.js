// The room: connects the parts of the page to the connection.

import { Asking } from "./asking.js"
import { Notifications, Reading } from "./attention.js"
import { Composer, Keyboard, Mute } from "./composer.js"
import { Connection, Token } from "./connection.js"
import { History } from "./history.js"
import { Details, keepAboveKeyboard, leadToInvitation, offerInvitation, Status } from "./layout.js"
import { Changes, isShown, label } from "./message.js"
import { Outbox } from "./outbox.js"
import { follow, isOwn, nameOf, onSeveral, OwnName, People, recallOwn, setOwn, setOwnPerson, TypingLine, TypingSignal } from "./people.js"
import { Tools } from "./prose.js"
import { Replies } from "./replies.js"
import { Settings } from "./settings.js"
import { keepVisit } from "./storage.js"
import { BEGINNING, Cursor, isAfter, Sync } from "./sync.js"
import { AutoScroll, Timeline } from "./timeline.js"
import { reason, say } from "./wording.js"

const { sid, role, name, person, names, open, admitted, first, last, limit, mention, paths, embedders } = JSON.parse(
  document.getElementById("room").textContent,
)
const ID = /^\d+-\d+$/
const OBSERVER = "observer"
const CLOSED = 4410 // the close code of a session that a moderator has closed
const READ = "read" // the msg_ids of read receipts and of typing, so that their errors are told from others
const TYPING = "typing"
const part = (name) => document.querySelector(`.${name}`)
const place = `${paths.session} ${role}`
const frame = (event, bd, msg_id) => ({ hd: { event, role, msg_id }, bd })

follow({ name_a: names.A, name_b: names.B, name_llm: names.llm })
setOwnPerson(person)
const token = new Token(sid, admitted, embedders)
let removal // for moderators
const timeline = new Timeline(part("timeline"), role, (item) => removal?.offer(item))
const autoscroll = new AutoScroll(part("timeline"), part("timeline__newer"), {
  isLive: () => history.live,
  goLive: () => history.goLive(),
})
const history = new History(part("timeline"), {
  timeline,
  autoscroll,
  path: paths.history,
  token,
  first,
  take: (hd) => outbox.take(hd),
  warn,
})
const sync = new Sync((msg_id) => connection.send(frame("session.sync", { since: cursor.last }, msg_id)))
const replies = new Replies(timeline, {
  cancel: (reply_id) => connection.send(frame("llm.cancel", { reply_id }, reply_id)), // with a msg_id, so that an error names it
  sync: () => sync.ask(),
  takeOver() {
    settings.change({ policy: "off" })
    composer.focusUnlessTouched()
  },
})
const tools = new Tools(part("timeline"), { ask: (prompt) => send("llm.request", { prompt }), warn })
const people = new People(part("people"), role, document.querySelectorAll(".room__person"))
const typing = new TypingLine(part("typing"))
const settings = new Settings(part("settings"), sessionAddress, token, onSession)
const changes = new Changes(part("changes"), role, (policy) => settings.change({ policy }))
const notifications = new Notifications(part("notifications"), sid, {
  worker: paths.worker,
  offer: (sentence, choice) => changes.offer(sentence, choice),
})
const reading = new Reading(part("timeline"), role, {
  tell: role === OBSERVER ? null : (id) => connection.send(frame("chat.read", { id }, READ)),
  unread(count, envelope, item) {
    notifications.count(count)
    if (envelope) notifications.announce(envelope, item)
  },
})
const status = new Status(part("room"), () => connection.wake())

const connection = new Connection(address, token, { onFrame, onState })
const cursor = new Cursor(last, () => sync.ask())
const outbox = new Outbox(timeline, role, {
  place,
  send: (envelope) => connection.send(envelope),
  lose: () => connection.open(),
  hasPassed: (id) => Boolean(cursor.last) && !isAfter(id, cursor.last),
})
const signal = new TypingSignal((active) => connection.send(frame("chat.typing", { active }, TYPING)))
const composer = new Composer(part("composer"), {
  place,
  limit,
  asking: new Asking(mention),
  keyboard: new Keyboard(part("keyboard"), part("shortcuts")),
  send,
  recall: () => outbox.recall(),
  signal,
})
const mute = new Mute(part("composer__mute"), enable)
const problem = part("timeline__problem")
let stopped = false
let goal = null // the id up to which the server replays what was missed
let speaks = role !== OBSERVER // until the server says what the reader may do
let asks = speaks
let entered = false // then the visit is kept
let ownName = open ? recallOwn() : ""

const loadRemoval = onUse(async () => {
  const { Removal } = await import("./removal.js")
  removal = new Removal(() => timeline.items, { path: paths.messages, token, removed: (id) => timeline.remove(id), warn })
  return removal
})
const search = onUse(async () => {
  const { Search } = await import("./search.js")
  return new Search(part("search"), { history, timeline, autoscroll, reader: role })
})
const download = onUse(async () => {
  const { Download } = await import("./download.js")
  return new Download(part("download"), token)
})
part("room__search").addEventListener("click", openSearch)
part("room__search").hidden = false
const wanted = new URLSearchParams(location.search).get("at") // a result of the home page's search
if (ID.test(wanted)) search().then((panel) => panel?.goTo(wanted))
for (const link of part("download").querySelectorAll("a")) {
  link.addEventListener("click", async (event) => {
    event.preventDefault()
    const loaded = await download()
    loaded?.start(link.href)
  })
}

const details = new Details(part("drawer"), part("room__menu"), part("panel__close"))
keepAboveKeyboard(part("room"))
if (parent !== window) part("room__brand").removeAttribute("href") // only rooms are shown in frames
const ownField = open && new OwnName(part("people__own"), ownName, onOwnName)
rename(ownName || name)
onSeveral(() => queueMicrotask(rename)) // after what has just arrived is shown
if (part("invite")) {
  offerInvitation(part("invite"))
  leadToInvitation(part("timeline__invite"), part("invite"), details)
}
composer.focusUnlessTouched()
for (const event of ["online", "pageshow"]) window.addEventListener(event, () => connection.wake())
window.addEventListener("offline", () => connection.doubt())
window.addEventListener("pagehide", () => connection.rest())
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && connection.wake())
connection.open()

function address() {
  const url = new URL(paths.socket, location.href)
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:"
  url.searchParams.set("sid", sid)
  url.searchParams.set("role", role)
  if (ownName) url.searchParams.set("name", ownName)
  if (cursor.last) url.searchParams.set("since", cursor.last === BEGINNING ? "0" : cursor.last)
  return url
}

// With open access the server does not know who changes the settings.
function sessionAddress() {
  return open ? `${paths.session}?${new URLSearchParams({ role, ...(ownName && { name: ownName }) })}` : paths.session
}

function onState(state, details) {
  if (state === "connected") approach(details.goal)
  else status.show(state, details)
  stopped = state === "stopped"
  enable()
  if (details.code === CLOSED) onClosed()
  if (state === "connected") {
    outbox.flush()
    settings.read()
    if (!entered) keepVisit({ sid, role, title: () => part("room__name").textContent.trim(), read: () => cursor.last })
    entered = true
    return
  }
  if (state !== "offline") people.forget()
  outbox.hold({ stopped, closed: details.code === CLOSED })
}

// The session says no more, and is read over HTTP.
function onClosed() {
  mute.end()
  settings.close()
  settings.read()
  if (!cursor.last) history.loadEarlier()
}

// Connected, but perhaps behind: until the replay has reached its end.
function approach(end = goal) {
  goal = cursor.last && end && isAfter(end, cursor.last) ? end : null
  status.show(goal ? "behind" : "connected", {})
}

function enable() {
  composer.disable(stopped || mute.active || !speaks, !speaks)
  tools.allow(asks && !stopped && !mute.active)
}

function allow(can) {
  speaks = can.includes("send") || can.includes("ask")
  asks = can.includes("ask")
  part("room").classList.toggle("room--reading", !speaks)
  replies.allow(can)
  enable()
}

function onFrame(envelope) {
  const { hd, bd } = envelope
  if (hd.id) return onStored(envelope)
  if (hd.event === "session.welcome") onWelcome(bd)
  if (hd.event === "session.settings") onSettings(hd, bd)
  if (hd.event === "auth.refreshed") {
    allow(bd.can)
    settings.read()
  }
  if (hd.event === "presence") onPresence(bd)
  if (hd.event === "chat.typing" && !isOwn(hd, role)) typing.show(hd, bd.active)
  if (hd.event === "chat.read") reading.follow(hd, bd)
  if (hd.event === "chat.ack") outbox.confirm(bd)
  if (hd.event === "error") onError(bd)
  if (hd.event === "llm.streaming") replies.grow(bd)
}

function onError(error) {
  if (error.msg_id === READ) return reading.refuse(error)
  if (error.msg_id === TYPING) return undefined // the reader has lost nothing
  const answered = sync.refuse(error) || replies.refuse(error) || outbox.refuse(error)
  if (error.code === "muted") mute.meet(error)
  if (!answered && error.code !== "session_closed") composer.warn(reason(error)) // the close code says that
}

function onWelcome(bd) {
  const { can, last_id, members, people: present = [], read, settings: current = {}, replies: underWay, gap } = bd
  sync.settle()
  allow(can)
  if (!cursor.last) history.loadEarlier()
  cursor.restart(last_id)
  follow(current)
  setOwnPerson(bd.person)
  rename(bd.name)
  people.show(present)
  changes.begin(current, present)
  reading.reckon(members)
  reading.begin(read, present)
  replies.resume(underWay, !gap)
  approach(last_id)
  if (gap) warn(say("gap"))
}

function onStored(envelope) {
  const { hd, bd } = envelope
  if (!cursor.pass(hd)) return
  if (goal && !isAfter(goal, cursor.last)) approach()
  const ended = hd.event === "llm.response" || hd.event === "llm.error"
  if (!ended && isShown(envelope) && history.live) changes.pass(timeline.last)
  history.add(envelope, ended ? replies.end(bd) : outbox.take(hd))
  if (hd.event === "message.removed") timeline.remove(bd.id)
  if (hd.event === "session.notice" && bd.role === role) mute.follow(bd)
  if (hd.event === "session.notice" && bd.code === "erased") timeline.erase()
  if (hd.event === "llm.request") replies.expect(hd.id)
  if (hd.event === "chat.message") typing.show(hd, false)
  reading.add(envelope)
  if (!isOwn(hd, role) && isShown(envelope)) autoscroll.announce()
}

async function offerRemoval(allowed) {
  if (allowed || removal) (await loadRemoval())?.allow(allowed)
}

// The session's settings, and what the reader may do.
function onSession({ settings: current, can }) {
  composer.follow(current)
  offerRemoval(can.includes("moderate"))
  const title = current.title || sid
  part("room__name").textContent = title
  notifications.entitle(`${title} · doqchat`)
}

function onSettings(hd, changed) {
  settings.merge(changed)
  changes.settle(hd, changed)
  follow(changed)
  rename()
}

function onPresence({ members, people: present }) {
  people.show(present)
  changes.follow(present)
  reading.reckon(members)
}

// The reader has another name from now on: the server gets it with the next connection.
function onOwnName(chosen) {
  ownName = chosen
  rename(chosen)
  if (!stopped) connection.open()
}

// Names have changed, perhaps the reader's.
function rename(chosen) {
  if (chosen) setOwn(chosen)
  for (const item of part("timeline").querySelectorAll(".message")) label(item, role)
  people.draw()
  if (ownField) ownField.suggest(nameOf({ role }))
  reading.refresh()
}

function send(event, bd) {
  const item = outbox.write(event, bd)
  autoscroll.toEnd()
  item.scrollIntoView({ block: "nearest" })
}

function warn(sentence) {
  problem.textContent = sentence
}

// The field takes what is typed while its script loads; touch screens show a keyboard only at once.
async function openSearch() {
  const panel = part("search")
  const opener = panel.hidden ? document.activeElement : undefined
  panel.hidden = false
  part("search__text").focus()
  const loaded = await search()
  if (loaded) loaded.open(opener)
  else panel.hidden = true
}

// What is made when it is first needed; after a failure, such as offline, it is tried again.
function onUse(make) {
  let made
  return () => (made ??= make().catch(() => {
    made = undefined
    warn(say("unloaded"))
  }))
}
