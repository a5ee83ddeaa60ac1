/** Whatever is left out of certificates, repeated, moved, or added to them of what was said: two verifiers agree on it. */

import { expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { createMemory } from '../../orbit/rules/base/memory.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../orbit/rules/certificate/write.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../orbit/rules/message/unit.ts'
import { deadlineRound } from '../../orbit/rules/network/schedule.ts'
import { Party } from '../orbit/rules/party.ts'
import { verify } from './verify.mjs'

/** Thousands of files share their registrations and beacon rounds: each is checked once. */
const memory = createMemory()

setDefaultTimeout(2_400_000)

const window = 1n << 43n
const EDITED = 600

/** xorshift32: 0 to n - 1. */
let x = 12345
function below(n: number): number {
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  return (x >>> 0) % n
}

/** A window with a lie, a decline, a missed deadline, and audits where replication is adaptive. */
function troubled(replication: number, adaptive: boolean): Party {
  const audit = { leaves: 2, auditors: 2, adaptive }
  const party = new Party({ accounts: 14, changes: { replication, audit } })
  const trusted = adaptive ? party.members.slice(0, 9).map(({ account }) => account) : []
  const units = party.deal(2, 4, { trusted })
  const late = deadlineRound(party.genesis, 2)
  for (const [i, unit] of units.entries()) {
    const [first, ...others] = unit.quorum as [string, ...string[]]
    const certify = () => {
      for (const node of party.certifyingAudit(unit).auditors) party.certify(node, unit)
    }
    const cases: (() => void)[] = unit.audited
      ? [
          certify,
          () => {
            party.certify(party.members[13]!.node, unit, 0, [2])
            party.learn(unit, 2)
            party.answer(unit, unit.reserve.slice(0, replication + 3), [], late - 3)
          },
          certify,
          () => party.answer(unit, unit.reserve.slice(0, replication + 2), [], late + 1),
        ]
      : [
          () => {
            party.answer(unit, unit.quorum, replication > 1 ? [0, 1, 0] : [])
            if (replication === 1) return
            party.answer(unit, unit.reserve.slice(0, 4), [], 20)
            party.learn(unit, 2)
          },
          () => {
            party.decline(first, unit)
            party.answer(unit, [...others, unit.reserve[0]!])
          },
          () => party.answer(unit, [...unit.quorum, ...unit.reserve].slice(0, replication + 3), [], late),
          () => party.answer(unit, unit.quorum),
        ]
    if (unit.audited) party.answer(unit, [first], [i === 1 ? 1 : 0])
    cases[i]!()
  }
  return party
}

const parties = [1, 2, 3].flatMap((N) => [troubled(N, false), troubled(N, true)])
const files = parties.map((party) => {
  const sources = {
    leaves: (cid: string) => party.blocks.get(cid),
    registration: (node: string) => party.registration(node),
  }
  const state = party.state()
  return { party, bytes: writeCertificate(state, window, sources, [...state.windows.get(window)!.certified.keys()]) }
})

/** What was said in the network and is not in the file, or once more. */
function add(party: Party, file: any, unit: any): void {
  const { statement, items = [] } = party.documents.results[below(party.documents.results.length)] as {
    statement: Uint8Array
    items?: Uint8Array[]
  }
  const { type } = dagCbor.decode<{ body: { type: string } }>(statement).body
  if (type === 'commit') file.commits.push(statement)
  else if (type === 'audit') unit.audits.push(statement)
  else if (type === 'decline') unit.declines.push(statement)
  else {
    file.reveals.push(statement)
    const [item, more] = items
    const { result } = dagCbor.decode<{ result: Assignment & { leaves: string } }>(item!)
    const of = file.units.find((other: any) => other.unit === result.unit)
    if (!of || more) return
    of.results.push({ reveal: file.reveals.length - 1, index: 0, proof: [], item })
    if (below(2)) of.contested.push(party.blocks.get(result.leaves) ?? new Uint8Array(64))
  }
}

/** Changes one thing in a file. */
function edit(party: Party, file: any): void {
  const unit = file.units[below(file.units.length)]
  if (!unit) return
  const other = file.units[below(file.units.length)]
  const lists = [unit.results, unit.results, unit.declines, unit.audits, unit.contested, file.units, file.commits]
  lists.push(file.reveals, file.registrations, file.draws[0].witnesses)
  const list = lists[below(lists.length)] as unknown[]
  const at = below(Math.max(1, list.length))
  const edits = [
    () => list.splice(at, 1),
    () => list.splice(at, 0, ...list.slice(at, at + 1)),
    () => list.reverse(),
    () => (unit.audits = [...other.audits, ...unit.audits].slice(0, 1 + below(4))),
    () => (unit.leaves = below(2) ? null : other.leaves),
    () => {
      if (unit.contested.length > 0) [unit.leaves, unit.contested[0]] = [unit.contested[0], unit.leaves]
    },
    () => add(party, file, unit),
  ]
  edits[below(edits.length)]!()
}

function ours(bytes: Uint8Array) {
  try {
    const { units, count, checksum } = readCertificate(bytes, memory)
    const silent = [...units].flatMap(([unit, of]) => (of.silent.length > 0 ? [unit] : []))
    return { units: units.size, count: BigInt(count), checksum: checksumHex(checksum), silent }
  } catch (error) {
    if (error instanceof RuleError) return 'refused'
    throw error
  }
}

function theirs(bytes: Uint8Array) {
  try {
    const { units, count, checksum, silent } = verify(bytes)
    return { units, count, checksum, silent }
  } catch {
    return 'refused'
  }
}

test('both accept the same of them, and say the same', () => {
  const verdicts = { accepted: 0, refused: 0 }
  for (const { bytes } of files) {
    expect(ours(bytes)).not.toBe('refused')
    expect(theirs(bytes)).toEqual(ours(bytes))
  }
  for (let i = 0; i < EDITED; i++) {
    const { party, bytes } = files[i % files.length]!
    const file = dagJson.decode<object>(bytes)
    for (let edits = 1 + below(3); edits > 0; edits--) edit(party, file)
    const edited = dagJson.encode(file)
    const said = ours(edited)
    expect(theirs(edited)).toEqual(said)
    verdicts[said === 'refused' ? 'refused' : 'accepted']++
  }
  expect(verdicts.accepted).toBeGreaterThan(EDITED / 10)
  expect(verdicts.refused).toBeGreaterThan(EDITED / 10)
})
