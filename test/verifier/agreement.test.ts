/** Two verifiers that share no code accept the same certificates, say the same of them, and refuse the same. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { cidOf } from '../../orbit/rules/base/cid.ts'
import { beaconAt, Forger } from './forger.ts'
import { asJson, asSnapshot, type Troubled, troubled } from './troubled.ts'
import { bothVerdicts, firstVerdict, sayingsOf, secondVerdict } from './verdicts.ts'

setDefaultTimeout(1_200_000)

/** `EDITS=1000 FLIPS=1` runs it in full. */
const EDITS = Number(process.env.EDITS ?? 200)
const FLIPS = Number(process.env.FLIPS ?? 5)
const SOUND = ['valid', 'proves nothing']

/** xorshift32: 0 to n - 1. */
let x = Number(process.env.SEED ?? 12345)
function below(n: number): number {
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  return (x >>> 0) % n
}

test.each(troubled().map((of) => [of.name, of] as const))('both accept a certificate with troubles, %s', (_, of) => {
  for (const bytes of [asJson(of), asSnapshot(of)]) {
    expect([firstVerdict(bytes), secondVerdict(bytes)]).toEqual(['valid', 'valid'])
    const { first, second } = sayingsOf(bytes)
    expect(second).toEqual(first)
  }
})

const keyOf = (bytes: Uint8Array) => Buffer.from(dagCbor.decode<any>(bytes).key).toString('hex')
const cid = (bytes: Uint8Array) => cidOf(bytes).toString()
const byCid = (a: Uint8Array, b: Uint8Array) => (cid(a) < cid(b) ? -1 : 1)

/** Rounds at which something changes: R(e) is 6, the deadline 100, the audit's round 57. */
const ROUNDS = [5, 6, 56, 57, 60, 105, 106, 107, 206, 306, 307]

/** Signed by the same node at another round, or in another batch. */
function postponed({ forger }: Troubled, bytes: Uint8Array): Uint8Array {
  const { body } = dagCbor.decode<any>(bytes)
  const round = ROUNDS[below(ROUNDS.length)]!
  const at = below(3) > 0 ? { round, beacon: beaconAt(round) } : { batch: 17 + below(4) }
  return forger.signed(keyOf(bytes), { ...body, ...at })
}

/** Changes one thing in a file. */
function edit(from: Troubled, file: any): void {
  const { others } = from
  const unit = file.units[below(file.units.length)]
  if (!unit) return
  const other = file.units[below(file.units.length)]
  const lists = [unit.results, unit.results, unit.declines, unit.audits, unit.contested, file.units, file.statements]
  lists.push(file.registrations, file.draws[0].witnesses)
  const list = lists[below(lists.length)] as any[]
  const at = below(Math.max(1, list.length))
  const more = others[below(others.length)]!
  const edits = [
    () => list.splice(at, 1),
    () => list.splice(at, 0, ...list.slice(at, at + 1)),
    () => list.reverse(),
    () => (unit.audits = [...other.audits, ...unit.audits].slice(0, 1 + below(4))),
    () => (unit.leaves = below(2) ? null : other.leaves),
    () => {
      if (unit.contested.length > 0) [unit.leaves, unit.contested[0]] = [unit.contested[0], unit.leaves]
    },
    () => [unit.declines, unit.audits, file.draws[0].witnesses][below(3)].push(more),
    () => {
      const result = unit.results[at % Math.max(1, unit.results.length)]
      if (result) result.evidence = result.evidence.slice(0, below(result.evidence.length))
    },
    () => (file.scope = file.scope === 'window' ? 'units' : 'window'),
    () => {
      const old = file.statements.slice()
      const place = below(file.statements.length)
      old[place] = postponed(from, old[place])
      file.statements = old.slice().sort(byCid)
      for (const u of file.units) for (const r of u.results) r.statement = file.statements.indexOf(old[r.statement])
    },
    () => {
      const place = below(Math.max(1, unit.audits.length))
      if (unit.audits[place]) unit.audits[place] = postponed(from, unit.audits[place])
      unit.audits.sort(byCid)
    },
  ]
  edits[below(edits.length)]!()
}

/** Takes away what nothing rests on any more, so that an edit is not refused for that alone. */
function tidy(file: any): void {
  const used = new Set<number>(file.units.flatMap((unit: any) => unit.results.map((r: any) => r.statement)))
  const places = [...used].sort((a, b) => a - b)
  file.statements = places.map((place) => file.statements[place]).filter(Boolean)
  for (const unit of file.units) for (const result of unit.results) result.statement = places.indexOf(result.statement)
  const signed = [...file.statements, ...file.units.flatMap((u: any) => u.audits), ...file.draws[0].witnesses]
  const nodes = new Set(signed.map(keyOf))
  file.registrations = file.registrations.filter((r: any) => nodes.has(keyOf(r.consent)))
  if (file.units.length < 3) file.scope = 'units'
}

test(`both say the same of ${EDITS} certificates that were edited at random`, () => {
  const verdicts = { accepted: 0, refused: 0 }
  for (let i = 0; i < EDITS; i++) {
    const from = troubled()[i % troubled().length]!
    const file = dagJson.decode<any>(asJson(from))
    for (let edits = 1 + below(2); edits > 0; edits--) edit(from, file)
    if (below(4) > 0) tidy(file)
    const bytes = below(2) ? dagJson.encode(file) : dagCbor.encode(file)
    const verdict = bothVerdicts(bytes)
    expect([...SOUND, 'refused']).toContain(verdict)
    if (verdict !== 'refused') {
      const { first, second } = sayingsOf(bytes)
      expect(second).toEqual(first)
    }
    verdicts[verdict === 'refused' ? 'refused' : 'accepted']++
  }
  expect(verdicts.accepted).toBeGreaterThan(EDITS / 20)
  expect(verdicts.refused).toBeGreaterThan(EDITS / 4)
})

test(`both refuse a certificate with one bit flipped, in ${FLIPS === 1 ? 'each' : `every ${FLIPS}th`} of its bytes`, () => {
  const partition = { bits: 20, units: 1, leaves: 2, hardSteps: 66, evidence: { flagBits: 0, items: 20 } }
  const alone = new Forger({ accounts: 1, replication: 1, partition })
  const bytes = dagCbor.encode(alone.file(alone.answers()))
  expect(SOUND).toContain(bothVerdicts(bytes))
  for (let at = 0; at < bytes.length; at += FLIPS) {
    const changed = bytes.slice()
    changed[at]! ^= 1 << below(8)
    expect([at, bothVerdicts(changed)]).toEqual([at, 'refused'])
  }
})
