/**
 * Who may write what: the owner of a document is the key that signed its entry, and its key begins with that key.
 * A pure function of the entry, with no network call: every replica lets in the same entries, and none can be made to
 * wait. OrbitDB verifies the entry's signature against entry.key itself (log.joinEntry), right after this.
 */
import { RuleError } from '../rules/statement.ts'

/** null: let it in; else why not. */
export type Admit = (database: string, writer: string, key: string, value: unknown) => string | null

const MAX_PARENTS = 32
const MAX_KEY = 200

interface Entry {
  readonly v: unknown
  readonly key: unknown
  readonly clock?: { readonly id?: unknown; readonly time?: unknown }
  readonly next: unknown
  readonly refs: unknown
  readonly payload?: { readonly op?: unknown; readonly key?: unknown; readonly value?: unknown }
}

const isHashes = (list: unknown): boolean =>
  Array.isArray(list) &&
  list.length <= MAX_PARENTS &&
  list.every((hash) => typeof hash === 'string' && hash.length < 100)

/** @returns null to let the entry in, else the reason for the refusal */
export function checkEntry(database: string, entry: Entry, admit: Admit): string | null {
  const { payload, key: writer, clock } = entry
  if (entry.v !== 2 || !isHashes(entry.next) || !isHashes(entry.refs)) return 'an entry of the wrong form'
  if (typeof writer !== 'string' || !/^[0-9a-f]{64}$/.test(writer) || clock?.id !== writer) {
    return "an entry whose clock is not its writer's"
  }
  if (!Number.isSafeInteger(clock.time) || (clock.time as number) < 1) return 'an entry with an impossible clock'
  // History is only appended to: nothing is ever deleted by a message.
  if (payload?.op !== 'PUT') return 'an operation other than PUT'
  const { key, value } = payload
  if (typeof key !== 'string' || key.length > MAX_KEY) return 'a document without a proper key'
  if (!key.startsWith(`${writer}/`)) return "a document under another's key"
  try {
    return admit(database, writer, key, value)
  } catch (error) {
    if (error instanceof RuleError) return error.message
    // Whatever a peer's document makes our check throw, the answer is no.
    return `a document that could not be checked: ${(error as Error).message}`
  }
}

/** An OrbitDB access controller for one database. `refuse` is told of each refusal. */
export function ownedAccess(database: string, admit: Admit, refuse: (reason: string) => void) {
  const factory = async () => ({
    type: ACCESS_TYPE,
    address: `/${ACCESS_TYPE}/1`,
    canAppend: async (entry: Entry) => {
      const reason = checkEntry(database, entry, admit)
      if (reason !== null) refuse(reason)
      return reason === null
    },
  })
  return Object.assign(factory, { type: ACCESS_TYPE })
}

export const ACCESS_TYPE = 'collatz-owned'
