/**
 * Whatever is changed in a message, no replica lets it in: what is not signed is not said. Signed anew by its own signer a
 * change passes only where the field is his to say, and those fields are listed here.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { merkleRoot } from '../../../../kernels/merkle.ts'
import { MAX_BLOCK_BYTES, readBlock } from '../../../../orbit/rules/answer/results.ts'
import { cidOf, rawCid } from '../../../../orbit/rules/base/cid.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import { type Answer, openAnswer } from '../../../../orbit/rules/message/answers.ts'
import { genesisBody, readGenesis } from '../../../../orbit/rules/network/genesis.ts'
import {
  busiest,
  envelopeOf,
  type Fields,
  judge,
  keyOf,
  type Message,
  messagesOf,
  newParty,
  resigned,
} from '../messages.ts'
import { type Mutant, mutantsOf } from './mutants.ts'

setDefaultTimeout(2_400_000)

const party = newParty()
const units = party.deal(2, 4)
party.answerAll(units)
const writer = busiest(party, units)
const messages = messagesOf(party, units, writer)
const KINDS = ['registration', 'heartbeat', 'draw', 'beacon', 'results', 'decline', 'audit']
const message = (kind: string): Message => messages.find((m) => m.kind === kind)!
const bytesOf = ({ value }: Message, at: string) => value[at] as Uint8Array

/** Mutants that were let in, as `path: how`. */
const letIn = (mutants: Iterable<Mutant>, verdict: (value: unknown) => string | null): string[] => {
  const passed: string[] = []
  let tried = 0
  for (const { path, how, value } of mutants) {
    tried++
    if (verdict(value) === null) passed.push(`${path}: ${how}`)
  }
  expect(tried).toBeGreaterThan(5)
  return passed
}
const topLevel = (value: unknown): string[] =>
  [...new Set([...mutantsOf(value)].map(({ path }) => path.split(/[.[]/)[0]!))].filter((path) => path !== '').sort()

test('as they are, all are let in, under the one key that their content asks for', () => {
  expect(messages.map(({ kind }) => kind)).toEqual(KINDS)
  for (const m of messages) {
    expect([m.kind, judge(party, m, m.value, keyOf(m))]).toEqual([m.kind, null])
    expect(letIn(mutantsOf(keyOf(m)), (key) => judge(party, m, m.value, String(key)))).toEqual([])
    const other = { ...m, writer: party.members.find(({ node }) => node !== m.writer)!.node }
    expect(judge(party, other, m.value, keyOf(m))).not.toBeNull()
    for (const database of ['accounts', 'pool-2', 'draws', 'results-2', 'pool-1', 'results-3', 'votes', '']) {
      const there = judge(party, { ...m, database }, m.value, keyOf(m))
      expect([database, there === null]).toEqual([database, database === m.database])
    }
  }
})

describe.each(KINDS)('the document of a %s', (kind) => {
  test('with any field changed, dropped or added, or any byte, is refused', () => {
    const m = message(kind)
    const key = keyOf(m)
    expect(letIn(mutantsOf(m.value), (value) => judge(party, m, value, key))).toEqual([])
    // And with any one bit flipped, in each byte of it.
    for (const [at, field] of Object.entries(m.value)) {
      if (!(field instanceof Uint8Array)) continue
      for (let i = 0; i < field.length; i++) {
        const flipped = Uint8Array.from(field)
        flipped[i]! ^= 1 << (i % 8)
        expect([i, judge(party, m, { ...m.value, [at]: flipped }, key)]).not.toEqual([i, null])
      }
    }
  })
})

const SIGNED = KINDS.filter((kind) => kind !== 'beacon')

describe.each(SIGNED)('a %s', (kind) => {
  test('with any field that is signed changed, dropped or added is refused, whatever key it comes under', () => {
    const m = message(kind)
    for (const { at, fields } of m.parts) {
      const envelope = envelopeOf(bytesOf(m, at))
      expect(topLevel(envelope.body)).toEqual([...fields].sort())
      const passed = letIn(mutantsOf(envelope), (changed) => {
        const value = { ...m.value, [at]: dagCbor.encode(changed) }
        return judge(party, m, value, keyOf(m)) && judge(party, m, value, keyOf(m, value))
      })
      expect(passed).toEqual([])
    }
  })
})

/** By message and part, the fields that its signer may fill in as he likes, as far as the schema goes. */
const OWN: Record<string, readonly string[]> = {
  'registration/registration': ['name'],
  'registration/consent': [],
  'heartbeat/statement': ['capacity', 'engines', 'witnessed', 'witnessed[].draw', 'witnessed[].epoch'],
  'draw/statement': [
    ...[
      'allowances',
      'allowances[].account',
      'allowances[].units',
      'epoch',
      'excluded',
      'excluded[]',
      'offers',
      'offers[].from',
      'offers[].to',
      'offers[].window',
      'pool',
    ],
    ...['pool[].heads', 'pool[].heads[]', 'pool[].span', 'roster', 'roster[].account', 'roster[].capacity'],
    ...['roster[].node', 'trusted', 'trusted[]'],
  ],
  'results/statement': ['block', 'root', 'size'],
  'decline/statement': ['unit', 'window'],
  'audit/statement': ['claims', ...[0, 1, 2, 3, 4].map((i) => `claims[][${i}]`)],
}
const fieldsOf = (passed: readonly string[]) => [...new Set(passed.map((line) => line.split(': ')[0]!))].sort()

describe.each(SIGNED)('a %s signed anew by its own signer', (kind) => {
  test('passes only where the field is his to say: not for another network, key, round, beacon or span', () => {
    const m = message(kind)
    for (const part of m.parts) {
      const { body } = envelopeOf(bytesOf(m, part.at))
      const passed = letIn(mutantsOf(body), (changed) => {
        const value = resigned(m, part, changed)
        return judge(party, m, value, keyOf(m, value))
      })
      expect(fieldsOf(passed)).toEqual([...OWN[`${kind}/${part.at}`]!])
    }
  })

  test('and not out of range', () => {
    const m = message(kind)
    const [part] = m.parts as [Message['parts'][0]]
    const { body } = envelopeOf(bytesOf(m, part.at))
    const [claim] = (body.claims ?? [[2, '5', 1, 1, new Uint8Array(64)]]) as [unknown[]]
    const out: Fields = {
      name: ['', 'x'.repeat(401)],
      capacity: [-1, 4097, 2 ** 53],
      engines: [[], ['abacus'], ['wasm', 'wasm', 'wasm', 'wasm']],
      witnessed: [[2, 2].map((epoch) => ({ epoch, draw: body.network })), [{ epoch: 2, draw: 'b' }]],
      excluded: [['a']],
      trusted: [['a']],
      allowances: [[{ account: '0'.repeat(64), units: 2 ** 20 + 1 }], [{ account: 'a', units: 4 }]],
      roster: [[], [{ ...((body.roster ?? []) as Fields[])[0], capacity: 0 }]],
      offers: [[], [{ window: '-1', from: 0, to: 1 }], [{ window: '01', from: 0, to: 1 }]],
      pool: [Array(5).fill({ span: 0, heads: [] }), [{ span: 0, heads: ['x'.repeat(101)] }]],
      unit: [-1, 65_536],
      window: ['-1', '01', 'x', '1'.repeat(101)],
      size: [0, 129],
      block: ['', 'b'.repeat(59)],
      claims: [[], Array(65).fill(claim), [claim.with(3, 65_536)], [claim.slice(0, 4)]],
    }
    let tried = 0
    for (const [name, values] of Object.entries(out)) {
      if (!(name in body)) continue
      for (const wrong of values as unknown[]) {
        const value = resigned(m, part, { ...body, [name]: wrong })
        expect([name, wrong, judge(party, m, value, keyOf(m, value)) === null]).toEqual([name, wrong, false])
        tried++
      }
    }
    expect(tried).toBeGreaterThan(1)
  })

  test('and not by another, nor with the other of the two signatures that a lax check would take', () => {
    const m = message(kind)
    for (const part of m.parts) {
      const envelope = envelopeOf(bytesOf(m, part.at))
      const stranger = resigned(m, { ...part, secret: new Uint8Array(32).fill(99) }, envelope.body)
      expect(judge(party, m, stranger, keyOf(m, stranger))).toMatch(/did not sign|without the consent/)
      // S and S + L are the same number to whoever reduces it (RFC 8032, section 5.1.7).
      const sig = Uint8Array.from(envelope.sig)
      let carry = 0n
      const L = 2n ** 252n + 27742317777372353535851937790883648493n
      for (let i = 0; i < 32; i++) {
        const sum = BigInt(sig[32 + i]!) + ((L >> BigInt(8 * i)) & 255n) + carry
        sig[32 + i] = Number(sum & 255n)
        carry = sum >> 8n
      }
      const value = { ...m.value, [part.at]: dagCbor.encode({ ...envelope, sig }) }
      expect(judge(party, m, value, keyOf(m, value))).toMatch(/wrong signature/)
    }
  })
})

describe('a block of results', () => {
  const { statement } = openAnswer(message('results').value) as Extract<Answer, { type: 'results' }>
  const block = party.blocks.get(statement.body.block)!
  const entries = dagCbor.decode(block) as [Uint8Array, Uint8Array][]
  const [[item, evidence], ...others] = entries as [[Uint8Array, Uint8Array], ...[Uint8Array, Uint8Array][]]
  const read = (changed: readonly (readonly Uint8Array[])[], size = changed.length): string | null => {
    const bytes = dagCbor.encode(changed)
    const body = {
      ...statement.body,
      size,
      root: merkleRoot(changed.map(([first]) => first!)),
      block: `${rawCid(bytes)}`,
    }
    try {
      return readBlock({ ...statement, body }, bytes).length > 0 ? null : 'empty'
    } catch (error) {
      if (error instanceof RuleError) return error.message
      throw error
    }
  }

  test('is read as it is, and with any bit of it flipped it is not the one that was signed', () => {
    expect(readBlock(statement, block)).toHaveLength(statement.body.size)
    for (let i = 0; i < block.length; i++) {
      const flipped = Uint8Array.from(block)
      flipped[i]! ^= 1 << (i % 8)
      expect(() => readBlock(statement, flipped)).toThrow('not the one that was signed')
    }
  })

  test('signed anew shows what its node says in it, as far as the schema goes', () => {
    const passed = letIn(mutantsOf(dagCbor.decode(item)), (changed) =>
      read([[dagCbor.encode(changed), evidence], ...others]),
    )
    const fields = [
      'checksum',
      'count',
      'epoch',
      'evidence',
      'items',
      'leaves',
      'peak',
      'peak.n',
      'peak.value',
      'root',
      'unit',
      'window',
    ]
    expect(fields).toEqual(expect.arrayContaining(fieldsOf(passed)))
    expect(fieldsOf(passed).length).toBeGreaterThan(6)
  })

  test('signed anew it has no unit twice, no more nor fewer results than its statement says, and one encoding', () => {
    expect(read([[item, evidence]])).toBeNull()
    expect(
      read([
        [item, evidence],
        [item, new Uint8Array(6)],
      ]),
    ).toMatch(/a unit twice/)
    expect(read([[item, evidence]], 2)).toMatch(/does not cover/)
    expect(read([[item, evidence, evidence]])).toMatch(/does not fit its schema/)
    expect(read([])).toMatch(/does not fit its schema/)
    expect(read([[item, new Uint8Array(MAX_BLOCK_BYTES)]])).toMatch(/not the one/)
    expect(read([[Uint8Array.of(...item, 0), evidence]])).toMatch(/not valid|canonical form/)
  })
})

describe('a genesis', () => {
  const { genesis } = party
  const refused = (bytes: Uint8Array): string | null => {
    try {
      return readGenesis(bytes).networkId === genesis.networkId ? null : 'another network'
    } catch (error) {
      if (error instanceof RuleError) return error.message
      throw error
    }
  }

  test('with any field or any byte changed is refused', () => {
    const envelope = envelopeOf(genesis.bytes)
    expect(topLevel(envelope.body)).toEqual(Object.keys(genesisBody.shape).sort())
    expect(refused(genesis.bytes)).toBeNull()
    expect(letIn(mutantsOf(envelope), (changed) => refused(dagCbor.encode(changed)))).toEqual([])
    for (let i = 0; i < genesis.bytes.length; i++) {
      const flipped = Uint8Array.from(genesis.bytes)
      flipped[i]! ^= 1 << (i % 8)
      expect([i, refused(flipped) === null]).toEqual([i, false])
    }
  })

  test('signed anew with any field changed is refused, or is that of another network', () => {
    const { accountSecret } = party.members[0]!
    const again = (body: unknown) => refused(sign(body, accountSecret).bytes)
    expect(again(genesis.body)).toBeNull()
    expect(letIn(mutantsOf(genesis.body), again)).toEqual([])
    const { body } = genesis
    const wrong: [Fields, RegExp][] = [
      [{ baseline: { ...body.baseline, below: '1' } }, /edge of a window/],
      [{ partition: { ...body.partition, hardSteps: 27 } }, /fewer steps/],
      [{ partition: { ...body.partition, bits: 72 } }, /partition.bits/],
      [{ founders: [{ ...body.founders[0]!, account: party.members[1]!.account }] }, /founders/],
      [{ beacon: { ...body.beacon, publicKey: new Uint8Array(96) } }, /not one of G2/],
      [{ beacon: { ...body.beacon, period: 2 } }, /hash does not fit/],
      [{ beacon: { ...body.beacon, hash: '0'.repeat(64) } }, /hash does not fit/],
      [{ registration: { ...body.registration, N: 3 } }, /power of two/],
      [{ registration: { ...body.registration, N: 2 ** 17 } }, /at most/],
      [{ replication: 0 }, /replication/],
      [{ version: 1 }, /version/],
      [{ beacon: { ...body.beacon, source: 'drand' } }, /calls a beacon drand/],
      [{ partition: { ...body.partition, evidence: { flagBits: 16, items: 8 } } }, /flagBits/],
      [{ partition: { ...body.partition, evidence: { flagBits: 15, items: 8193 } } }, /items/],
    ]
    for (const [changes, reason] of wrong) expect(again({ ...body, ...changes })).toMatch(reason)
    expect(refused(sign(body, new Uint8Array(32).fill(99)).bytes)).toMatch(/not signed by an account of its founders/)
  })

  test('of another network makes every message of this one refused', () => {
    const other = readGenesis(sign({ ...genesis.body, name: 'other' }, party.members[0]!.accountSecret).bytes)
    expect(other.networkId).toBe(cidOf(other.bytes).toString())
    for (const m of messages) {
      if (m.kind === 'beacon') continue
      expect(judge({ genesis: other }, m, m.value, keyOf(m))).toMatch(/another network/)
    }
  })
})
