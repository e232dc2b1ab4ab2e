// What an integrator writes with the generated types; it only has to compile.
import type { components, paths } from "./api"
import type { ServerChatMessageHead } from "./models/ServerChatMessageHead"
import type { ClientLlmRequest } from "./models/ClientLlmRequest"

export const change: components["schemas"]["SessionChanges"] = { name_a: "지수" }
export const restored: components["schemas"]["SessionChanges"] = { policy: null }
type History = paths["/api/chat/history/{sid}"]["get"]["responses"][200]["content"]["application/json"]
export const next = (page: History): string | null => page.next
export type Refused = paths["/api/chat/sessions/{sid}/messages"]["post"]["responses"][429]
export const idOf = (head: ServerChatMessageHead): string | undefined => head.msgId
export const model = (asked: ClientLlmRequest): string | null | undefined => asked.bd.llm
