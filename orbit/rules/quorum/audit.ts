/**
 * Audits: what catches a quorum that agrees on a lie. When a unit is certified, a beacon round that
 * came after its results were shown draws some of its leaves and the accounts that compute them
 * again. Those who lied together could not know which leaves, nor which accounts.
 *
 * Seed.      SHA-256( utf8("collatz/audit/1") || 0x00 || utf8(networkId) || 0x00 || utf8(epoch "/"
 *            w "/" unit) || randomness ), with the 32 bytes of R(a), where a is the first epoch to
 *            begin after the auditor had the results: not what their signers say of when they
 *            showed them, or they could choose among old rounds.
 * rank(x).   SHA-256( seed || utf8(x) ), compared as bytes.
 * Whether.   A unit is audited if the first 4 bytes of rank("audit"), big endian, are 0 mod 2^l: l
 *            is 0, 1, 2 or 3 if the lowest level among its signers' accounts is UNTRUSTED,
 *            VERIFIED, TRUSTED or ELITE. Levels decide this, and where replication is adaptive
 *            whose one result may do.
 * Auditors.  Of the accounts on the draw's roster that have no result in the unit, the `auditors`
 *            of the lowest rank(account), each with its node of the lowest key.
 * Leaves.    The `leaves` ones of the lowest rank("leaf " i), i in decimal.
 *
 * An auditor that finds another record than was certified, or can't get the leaves to compare,
 * signs what it found. All nodes then compute that leaf, and the side that is wrong is convicted
 * (settle.ts). Audits that find nothing leave no trace, but for one kind:
 *
 * Adaptive replication (genesis.audit.adaptive). Where the draw lists one of a unit's N as TRUSTED
 * or better, that one's result certifies the unit together with an audit, which always takes place
 * and is always signed. Here everybody must draw the same, so a is fixed by the deal: R(a) is the
 * first R after half of the deadline. The result must be shown before R(a), and an auditor that did
 * not have it by then signs nothing. The worker hands out the leaves only when all auditors have
 * signed, so none of them can copy. If all say what the result says, it is certified; if not, by
 * the deadline, or if anybody says otherwise, the others of the N are called and the unit is like
 * any other (seats.ts). A lie then passes if both auditors are in on it, or the leaves drawn are
 * not among the wrong ones; found out, it costs the account.
 *
 * If a share f of a unit's leaves is wrong, one auditor of s leaves finds none with chance C(L -
 * fL, s) / C(L, s), which is at most (1 - f)^s; two auditors look at the same leaves, so that one
 * of them may be in on it.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { compareBytes } from '../base/bytes.ts'
import type { Level } from '../membership/levels.ts'
import type { DrawBody } from '../message/bodies.ts'
import type { Genesis } from '../network/genesis.ts'

/** l of the lowest level: one unit in 2^l is audited. */
const RARITY: Record<Level, number> = { BANNED: 0, UNTRUSTED: 0, VERIFIED: 1, TRUSTED: 2, ELITE: 3 }

export interface AuditedUnit {
  readonly epoch: number
  readonly window: bigint
  readonly unit: number
  /** L: how many leaves it has. */
  readonly leaves: number
  /** Accounts with a result in it. */
  readonly signers: readonly string[]
  /** Of the lowest among them. */
  readonly level: Level
}

export interface Audit {
  /** Ascending. */
  readonly leaves: readonly number[]
  /** Node keys. */
  readonly auditors: readonly string[]
}

/**
 * @param randomness 32 bytes: that of R(auditEpoch)
 * @returns null when the unit is not audited
 */
export function auditOf(
  genesis: Genesis,
  unit: AuditedUnit,
  roster: DrawBody['roster'],
  randomness: Uint8Array,
): Audit | null {
  const name = `${unit.epoch}/${unit.window}/${unit.unit}`
  const zero = Uint8Array.of(0)
  const seed = sha256(
    concatBytes(
      utf8ToBytes('collatz/audit/1'),
      zero,
      utf8ToBytes(genesis.networkId),
      zero,
      utf8ToBytes(name),
      randomness,
    ),
  )
  const rank = (x: string) => sha256(concatBytes(seed, utf8ToBytes(x)))
  const first = new DataView(rank('audit').buffer).getUint32(0)
  if (first % 2 ** RARITY[unit.level] !== 0) return null
  const lowest = <T>(items: readonly T[], key: (item: T) => string, count: number): T[] =>
    items
      .map((item) => ({ item, rank: rank(key(item)) }))
      .sort((a, b) => compareBytes(a.rank, b.rank))
      .slice(0, count)
      .map(({ item }) => item)
  const nodeOf = new Map<string, string>()
  for (const { account, node } of roster) {
    if (unit.signers.includes(account)) continue
    const known = nodeOf.get(account)
    if (known === undefined || node < known) nodeOf.set(account, node)
  }
  const { auditors, leaves } = genesis.body.audit
  const indices = Array.from({ length: unit.leaves }, (_, i) => i)
  return {
    leaves: lowest(indices, (i) => `leaf ${i}`, leaves).sort((a, b) => a - b),
    auditors: lowest([...nodeOf.keys()], (account) => account, auditors).map((account) => nodeOf.get(account)!),
  }
}
