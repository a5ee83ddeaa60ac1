/**
 * Where two verifiers could part, or both be too lenient: what is superfluous, comes from the wrong people or too
 * early, is of another draw, or is well signed and not well formed. All of it is forged from files that both accept.
 */

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import { inclusionProofs, merkleRoot } from '../../kernels/merkle.ts'
import { createMemory } from '../../orbit/rules/base/memory.ts'
import { RuleError, sign } from '../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import type { Assignment } from '../../orbit/rules/message/unit.ts'
import { deadlineRound } from '../../orbit/rules/network/schedule.ts'
import { Party } from '../orbit/rules/party.ts'
import {
  ACCEPTED,
  anew,
  answer,
  assembled,
  byCid,
  cid,
  fileOf,
  registered,
  said,
  signerOf,
  statements,
  verdict,
  window,
} from './forge.ts'
import { verify } from './verify.mjs'

/** Thousands of files share their registrations and beacon rounds: each is checked once. */
const memory = createMemory()

setDefaultTimeout(2_400_000)

let plain: Party
let units: readonly Assignment[]
beforeAll(() => {
  plain = new Party({ accounts: 16 })
  units = plain.deal(2, 4)
  plain.answerAll(units)
})

test('what these files are made from is accepted', () => expect(verdict(fileOf(plain))).toBe(ACCEPTED))

describe('both refuse a draw', () => {
  /** A heartbeat of whoever signs the first witness. */
  const beat = (file: any, witnessed: { epoch: number; draw: string }[]) => {
    plain.beat(signerOf(file.draws[0].witnesses[0]), 6, { witnessed })
    return (plain.documents.pool.pop() as any).statement
  }
  test('with a heartbeat more, that witnesses nothing', () => {
    const file = fileOf(plain)
    file.draws[0].witnesses.push(beat(file, []))
    expect(verdict(file)).toBe('refused')
  })
  test('with one witness twice in place of another', () => {
    const file = fileOf(plain)
    const { witnesses } = file.draws[0]
    witnesses.push(witnesses.at(-1))
    expect(said(file)).toEqual(said(fileOf(plain)))
    witnesses.shift()
    expect(verdict(file)).toBe('refused')
  })
  test('with a witness of another draw, but not with one of several', () => {
    const file = fileOf(plain)
    const [own, other] = [cid(file.draws[0].draw), cid(file.genesis)]
    file.draws[0].witnesses[0] = beat(file, [{ epoch: 2, draw: other }])
    expect(verdict(file)).toBe('refused')
    file.draws[0].witnesses[0] = beat(file, [
      { epoch: 1, draw: other },
      { epoch: 2, draw: own },
    ])
    expect(verdict(file)).toBe(ACCEPTED)
  })
  test('that comes twice, or offers what the partition has not', () => {
    const file = fileOf(plain)
    file.draws.push(file.draws[0])
    expect(verdict(file)).toBe('refused')
    for (const [from, to] of [
      [0, 5],
      [3, 3],
    ]) {
      const beyond = fileOf(plain)
      const draw = anew(plain, beyond.draws[0].draw, { offers: [{ window: `${window}`, from, to }] })
      beyond.draws[0].draw = draw
      beyond.draws[0].witnesses = beyond.draws[0].witnesses.map((bytes: Uint8Array) =>
        anew(plain, bytes, { witnessed: [{ epoch: 2, draw: cid(draw) }] }),
      )
      expect(verdict(beyond)).toBe('refused')
    }
  })
})

describe('what nothing needs changes nothing:', () => {
  test('a registration twice, or one too many, in any order', () => {
    const file = fileOf(plain)
    file.registrations.push(file.registrations.at(-1))
    expect(said(file)).toEqual(said(fileOf(plain)))
    const more = fileOf(plain)
    registered(plain, more, ...plain.members.map(({ node }) => node))
    expect(more.registrations.length).toBeGreaterThan(fileOf(plain).registrations.length)
    expect(said(more)).toEqual(said(fileOf(plain)))
    more.registrations.reverse()
    expect(verdict(more)).toBe(ACCEPTED)
  })
  test('a reveal or a commit twice, or a draw that no unit is from', () => {
    for (const kind of ['commits', 'reveals']) {
      const file = fileOf(plain)
      file[kind].push(file[kind].at(-1))
      expect(said(file)).toEqual(said(fileOf(plain)))
    }
    const party = new Party({ accounts: 16 })
    party.answerAll(party.deal(2, 2))
    party.answerAll(party.deal(40, 2, { from: 2 }))
    const two = fileOf(party)
    expect(two.draws).toHaveLength(2)
    two.scope = 'units'
    two.units.splice(2)
    const { units } = said(two)
    expect(units).toHaveLength(2)
    two.draws.splice(1)
    expect(said(two).units).toEqual(units)
  })
  test('a second commit that nobody cites', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    party.answer(unit, unit.quorum)
    const second = party.commit(unit.quorum[0]!, [party.result(unit, party.claim(unit, 1))], 7)
    party.answerAll(rest)
    const file = fileOf(party)
    const before = said(file)
    file.commits = byCid([...file.commits, ...statements(party).filter((bytes) => cid(bytes) === second)])
    expect(said(file)).toEqual(before)
  })
  test('an equal result of a node that has one in it, of a later batch, and results in another order', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    const result = party.result(unit, party.claim(unit))
    const own = answer(party, [...unit.quorum], [result, result, result], [7, 7, 7], 8)
    party.answerAll(rest)
    const file = fileOf(party)
    const before = said(file)
    party.reveal(unit.quorum[0]!, own[0]!, new Map([[0, own.slice(1)]]), 12)
    expect(fileOf(party)).toEqual(file)
    const more = assembled(party, file, own, file.units[0].leaves, [])
    expect(more.units[0].results).toHaveLength(4)
    expect(said(more)).toEqual(before)
    more.units[0].results.reverse()
    expect(said(more)).toEqual(before)
  })
  test('a result more, whose commit came after the others were shown', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    const late = deadlineRound(party.genesis, 2)
    const result = party.result(unit, party.claim(unit))
    const own = answer(party, [...unit.quorum], [result, result, result], [7, 7, 7], 8)
    const copied = party.commit(unit.reserve[0]!, [result], late)
    party.reveal(unit.reserve[0]!, copied, new Map([[0, own]]), late + 1)
    party.answerAll(rest)
    const file = fileOf(party)
    const before = said(file)
    const more = assembled(party, file, [...own, copied], file.units[0].leaves, [])
    expect(more.units[0].results).toHaveLength(4)
    expect(said(more)).toEqual(before)
  })
  test('a lie that does not count convicts nobody, and fills no seat', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    const [good, lie] = [0, 1].map((variant) => party.result(unit, party.claim(unit, variant)))
    const own = answer(party, [...unit.quorum], [good!, good!, good!], [7, 7, 7], 8)
    const alone = party.commit(unit.reserve[3]!, [lie!], 8)
    party.reveal(unit.reserve[3]!, alone, new Map([[0, own]]), 9)
    party.answerAll(rest)
    const file = fileOf(party)
    const before = said(file)
    const { leaves } = file.units[0]
    const more = said(assembled(party, file, [...own, alone], leaves, [party.blocks.get(lie!.leaves)!]))
    expect([more.units, more.accounts]).toEqual([before.units, before.accounts])
    expect([before.theirs.contested, more.theirs.contested]).toEqual([[], [0]])
    // Two of the quorum are not made three by it.
    const two = assembled(party, fileOf(party), [...own.slice(0, 2), alone], leaves, [party.blocks.get(lie!.leaves)!])
    expect(verdict(two)).toBe('refused')
  })
})

describe('both refuse what is not what it stands for:', () => {
  test('the certified leaves once more, as contested by a result that is not their sum', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    const good = party.result(unit, party.claim(unit))
    const nodes = [...unit.quorum, ...unit.reserve.slice(0, 2)]
    const results = [good, { ...good, count: good.count + 1 }, good, good, good]
    answer(party, nodes, results, [7, 7, 7, 20, 20], 21)
    party.answerAll(rest)
    const file = fileOf(party)
    expect(verdict(file)).toBe(ACCEPTED)
    file.units[0].contested = [file.units[0].leaves]
    expect(verdict(file)).toBe('refused')
  })
})

describe('both refuse a unit', () => {
  test('whose decline is by a node without a seat in it', () => {
    const party = new Party({ accounts: 40 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    party.decline(unit.quorum[1]!, unit)
    party.answer(unit, [unit.quorum[0]!, unit.quorum[2]!, unit.reserve[0]!])
    party.answerAll(rest)
    const file = fileOf(party)
    expect(verdict(file)).toBe(ACCEPTED)
    const seats = [...unit.quorum, ...unit.reserve]
    const elsewhere = party.members.find(({ node }) => !seats.includes(node))!
    const { body } = dagCbor.decode<any>(file.units[0].declines[0])
    file.units[0].declines = [sign(body, elsewhere.nodeSecret).bytes]
    expect(verdict(file)).toBe('refused')
  })
  test('that one of the reserve answered before his turn', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    const late = deadlineRound(party.genesis, 2)
    const result = party.result(unit, party.claim(unit))
    const nodes = [unit.quorum[0]!, unit.quorum[1]!, unit.reserve[0]!]
    party.answerAll(rest)
    answer(party, nodes, [result, result, result], [7, 7, late], late)
    const answered = (round: number) => {
      const again = new Party({ accounts: 16 })
      const commits = answer(again, nodes, [result, result, result], [7, 7, round], late)
      const file = fileOf(party)
      const old = new Set(file.units[0].results.map(({ item }: any) => dagCbor.decode<any>(item).commit))
      file.commits = file.commits.filter((bytes: Uint8Array) => !old.has(cid(bytes)))
      return verdict(assembled(again, file, commits, file.units[0].leaves, []))
    }
    expect(answered(late)).toBe(ACCEPTED)
    expect(answered(late - 1)).toBe('refused')
  })
  test('that one of its results cites two commits of one node for', () => {
    const shown = (cites: (own: string[], second: string) => string[]) => {
      const party = new Party({ accounts: 16 })
      const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
      const result = party.result(unit, party.claim(unit))
      const own = unit.quorum.map((node) => party.commit(node, [result], 7))
      const second = party.commit(unit.quorum[2]!, [party.result(unit, party.claim(unit, 1))], 7)
      party.reveal(unit.quorum[0]!, own[0]!, new Map([[0, cites(own, second).sort()]]), 8)
      for (const i of [1, 2]) {
        party.reveal(unit.quorum[i]!, own[i]!, new Map([[0, own.filter((_, j) => j !== i)]]), 8)
      }
      party.answerAll(rest)
      const other = new Party({ accounts: 16 })
      const [first, ...others] = other.deal(2, 4) as [Assignment, ...Assignment[]]
      other.answer(first, first.quorum)
      other.answerAll(others)
      const file = fileOf(other)
      const old = new Set(file.units[0].results.map(({ item }: any) => dagCbor.decode<any>(item).commit))
      file.commits = file.commits.filter((bytes: Uint8Array) => !old.has(cid(bytes)))
      return verdict(assembled(party, file, [...own, second], party.blocks.get(result.leaves)!, []))
    }
    expect(shown(([, b, c], second) => [b!, c!, second])).toBe(ACCEPTED)
    expect(shown(([, , c], second) => [c!, second])).toBe('refused')
  })
  test('with other leaves than those of an agreed result, without saying where they part', () => {
    const party = new Party({ accounts: 16 })
    const [unit, ...rest] = party.deal(2, 4) as [Assignment, ...Assignment[]]
    const late = deadlineRound(party.genesis, 2)
    // The three of the quorum agree; one differs in time and hands out no leaves; what he calls says something else again.
    const variants = [1, 1, 1, 2, 0, 0, 0]
    const results = variants.map((variant) => party.result(unit, party.claim(unit, variant), variant !== 2))
    const nodes = [...unit.quorum, ...unit.reserve.slice(0, 4)]
    const commits = answer(party, nodes, results, [7, 7, 7, late, 20, 20, 20], late + 1)
    party.answerAll(rest)
    const file = fileOf(party)
    expect(verdict(file)).toBe(ACCEPTED)
    const [certified, others] = [results[0]!, results[4]!].map(({ leaves }) => party.blocks.get(leaves)!)
    expect(file.units[0].leaves).toEqual(certified)
    // Who is right is for whoever computes the contested leaf to say, as in any file in which results differ.
    expect(verdict(assembled(party, file, commits, others!, [certified!]))).toBe('accepted, contested: 2')
    expect(verdict(assembled(party, file, commits.slice(0, 3), others!, []))).toBe('refused')
    expect(verdict(assembled(party, file, commits.slice(0, 4), certified!, [others!]))).toBe('refused')
  })
})

test('a lie that an audit exposed is in the file with its leaves, which do without the audit', () => {
  const party = new Party({ accounts: 16, changes: { audit: { leaves: 2, auditors: 2, adaptive: true } } })
  const { members } = party
  const trusted = members.map(({ account }) => account)
  // Dealt before the last of them came.
  ;(party as { members: Party['members'] }).members = members.slice(0, 15)
  const [lied, ...rest] = party.deal(2, 4, { trusted: trusted.slice(0, 15) }) as [Assignment, ...Assignment[]]
  ;(party as { members: Party['members'] }).members = members
  party.answer(lied, [lied.quorum[0]!], [1])
  party.certify(members[15]!.node, lied, 0, [2])
  party.learn(lied, 2)
  party.answer(lied, lied.reserve.slice(0, 4), [], deadlineRound(party.genesis, 2) - 3)
  for (const unit of rest) {
    party.answer(unit, [unit.quorum[0]!])
    for (const node of party.certifyingAudit(unit).auditors) party.certify(node, unit)
  }
  const file = fileOf(party)
  expect(verdict(file)).toBe('accepted, contested: 2')
  expect(file.units[0].audits).toEqual([])
  // It takes the lie's own leaves to have the others called.
  expect(verdict({ ...file, units: file.units.map((unit: any) => ({ ...unit, contested: [] })) })).toBe('refused')
  // An audit by a stranger certifies nothing, in place of one that does.
  const { audits } = file.units[1]
  const { body } = dagCbor.decode<any>(audits[0])
  file.units[1].audits = [sign(body, new Uint8Array(32).fill(9)).bytes, ...audits]
  expect(verdict(file)).toBe('accepted, contested: 2')
  file.units[1].audits.splice(1, 1)
  expect(verdict(file)).toBe('refused')
})

describe('both refuse, though its own signer signed it,', () => {
  /** N = 1, so that nobody cites what is signed anew. */
  const alone = (change: (item: any) => void, encode: (item: any) => Uint8Array = dagCbor.encode, times = 1) => {
    const party = new Party({ accounts: 3, changes: { replication: 1 } })
    for (const unit of party.deal(2, 4)) party.answer(unit, unit.quorum)
    const file = fileOf(party)
    const [{ results }] = file.units
    const item = dagCbor.decode<any>(results[0].item)
    const at = file.commits.findIndex((bytes: Uint8Array) => cid(bytes) === item.commit)
    change(item)
    const record = dagCbor.encode([signerOf(file.commits[at]), item.result, item.salt])
    const { body } = dagCbor.decode<any>(file.commits[at])
    const [named, records] = [body.units, [record]].map((list) => Array(times).fill(list[0]))
    file.commits[at] = anew(party, file.commits[at], { units: named, root: merkleRoot(records!) })
    if (times > 1) item.proof = [...inclusionProofs(records!)[0]!]
    item.commit = cid(file.commits[at])
    file.commits = byCid(file.commits)
    const bytes = encode(item)
    const old = file.reveals as Uint8Array[]
    const shown = old.map((b, i) => (i === results[0].reveal ? anew(party, b, { root: merkleRoot([bytes]) }) : b))
    file.reveals = byCid(shown)
    for (const unit of file.units) {
      for (const r of unit.results) r.reveal = file.reveals.indexOf(shown[r.reveal])
    }
    results[0].item = bytes
    return verdict(file)
  }
  const wrong: Record<string, (item: any) => void> = {
    'an item with a field more': (item) => (item.more = 1),
    'an item with a field less': (item) => delete item.cites,
    'a result with a field more': (item) => (item.result.more = 1),
    'a result with a field less': (item) => delete item.result.peak,
    'a checksum in capitals': (item) => (item.result.checksum = 'A'.repeat(16)),
    'a window with a leading zero': (item) => (item.result.window = `0${item.result.window}`),
    'half a peak': (item) => delete item.result.peak.n,
    'a count that is a fraction': (item) => (item.result.count += 0.5),
    'a count that is the sum of no leaves': (item) => (item.result.count += 1),
    'leaves of another name': (item) => (item.result.leaves = item.commit),
    'leaves by the CID of another codec': (item) => {
      item.result.leaves = CID.createV1(0x71, CID.parse(item.result.leaves).multihash).toString()
    },
    'a salt that only looks like bytes in dag-json': (item) => {
      item.salt = { '/': { bytes: Buffer.from(item.salt).toString('base64').replaceAll('=', '') } }
    },
    'a salt of 17 bytes': (item) => (item.salt = new Uint8Array(17)),
    'cites out of order': (item) => (item.cites = ['b', 'a'].map((x) => 'b'.padEnd(59, x))),
    'cites that repeat': (item) => (item.cites = ['a', 'a'].map((x) => 'b'.padEnd(59, x))),
    'an index that is none': (item) => (item.index = 4096),
    'a proof of what needs none': (item) => (item.proof = [new Uint8Array(32)]),
  }
  test('nothing, when nothing is changed', () => expect(alone(() => {})).toBe(ACCEPTED))
  test.each(Object.keys(wrong))('%s', (name) => expect(alone(wrong[name]!)).toBe('refused'))
  test('an item in another encoding', () => {
    // The length of its map in two bytes, where one would do.
    const longer = (item: any) => new Uint8Array([0xb8, 6, ...dagCbor.encode(item).subarray(1)])
    expect(alone(() => {}, longer)).toBe('refused')
  })
  test('a commit that names its unit twice', () => expect(alone(() => {}, dagCbor.encode, 2)).toBe('refused'))
  test('a statement whose fields are in another order', () => {
    const file = fileOf(plain)
    const [first] = file.registrations
    const { body, key, sig } = dagCbor.decode<any>(first.registration)
    const text = (name: string) => dagCbor.encode(name)
    const fields = [
      text('body'),
      dagCbor.encode(body),
      text('key'),
      dagCbor.encode(key),
      text('sig'),
      dagCbor.encode(sig),
    ]
    first.registration = new Uint8Array(Buffer.concat([Uint8Array.of(0xa3), ...fields]))
    expect(verdict(file)).toBe('refused')
  })
})

test('a file that is spaced out, or more than once the same, is refused', () => {
  const bytes = dagJson.encode(fileOf(plain))
  const spaced = new TextEncoder().encode(new TextDecoder().decode(bytes).replace('{', '{ '))
  expect(() => readCertificate(spaced, memory)).toThrow(RuleError)
  expect(() => verify(spaced)).toThrow('canonical')
  const cbor = dagCbor.encode(fileOf(plain))
  expect(readCertificate(cbor, memory).units.size).toBe(4)
  expect(verify(cbor).units).toBe(4)
  const twice = new Uint8Array([...cbor, ...cbor])
  expect(() => readCertificate(twice, memory)).toThrow(RuleError)
  expect(() => verify(twice)).toThrow()
})

test('a statement that is nested deeper than the stack is refused as any other', () => {
  for (let depth = 9000; depth <= 18_000; depth += 500) {
    const file = fileOf(plain)
    const body = new Uint8Array(depth + 1).fill(0x81)
    body[depth] = 0x80
    const [key, sig] = [new Uint8Array(32), new Uint8Array(64)].map((bytes) => dagCbor.encode(bytes)) as [any, any]
    const [k, s, b] = ['key', 'sig', 'body'].map((name) => dagCbor.encode(name)) as [any, any, any]
    file.commits = byCid([new Uint8Array(Buffer.concat([Uint8Array.of(0xa3), k, key, s, sig, b, body]))])
    expect(verdict(file)).toBe('refused')
  }
})
