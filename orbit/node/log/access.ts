/**
 * Access rules of a log: the key that signed an entry owns its document, and the document's key
 * begins with it. The check is a pure function of the entry, with no network call: every replica
 * lets in the same entries, and none can be made to wait. Cheap checks come first. The rules' own
 * check of the document, which may cost milliseconds, runs once an entry.
 */
import { RuleError } from '../../rules/base/statement.ts'
import { envelopeFault, type LogEntry, signedBytes } from './entry.ts'
import { verifyWriter } from './identity.ts'

/** The rules' check of a document. null: it is let in; else the reason why not. */
export type Admit = (database: string, writer: string, key: string, value: unknown) => string | null

export const ACCESS_TYPE = 'collatz-owned'
const REMEMBERED = 20_000

/** @returns null to let the entry in, else the reason for the refusal */
export function checkEntry(database: string, entry: LogEntry, admit: Admit): string | null {
  try {
    const fault = envelopeFault(entry)
    if (fault !== null) return fault
    const { key: writer, payload } = entry
    if (!verifyWriter(entry.sig, writer, signedBytes(entry))) return 'an entry with a wrong signature'
    return admit(database, writer, payload.key, payload.value)
  } catch (error) {
    if (error instanceof RuleError) return error.message
    // A peer's entry may make our own check throw: one that is nested deep enough can't be encoded
    // again. Then the answer is no.
    return `a document that could not be checked: ${(error as Error).message}`
  }
}

/**
 * The access rules of one database, with a memory: `hash` is always computed from the bytes, so one
 * check is enough.
 */
export class Judge {
  private readonly database: string
  private readonly admit: Admit
  private readonly refuse: (reason: string) => void
  private verdicts = new Map<string, string | null>()

  /** @param refuse gets the reason of each refused entry, once an entry */
  constructor(database: string, admit: Admit, refuse: (reason: string) => void) {
    this.database = database
    this.admit = admit
    this.refuse = refuse
  }

  /** @returns null to let it in, else the reason */
  judge(entry: LogEntry): string | null {
    const known = this.verdicts.get(entry.hash)
    if (known !== undefined) return known
    const verdict = checkEntry(this.database, entry, this.admit)
    if (verdict !== null) this.refuse(verdict)
    if (this.verdicts.size >= REMEMBERED) this.verdicts = new Map()
    this.verdicts.set(entry.hash, verdict)
    return verdict
  }

  /** OrbitDB's access controller. */
  controller() {
    const factory = async () => ({
      type: ACCESS_TYPE,
      address: `/${ACCESS_TYPE}/1`,
      canAppend: async (entry: LogEntry) => this.judge(entry) === null,
    })
    return Object.assign(factory, { type: ACCESS_TYPE })
  }
}
