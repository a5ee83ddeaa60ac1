/** A certificate convinces from its bytes alone, and no other bytes do. */

import { beforeAll, describe, expect, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { createMemory } from '../../../../orbit/rules/base/memory.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { frontierOf, frontierSentence, frontierText, gapsOf } from '../../../../orbit/rules/state/frontier.ts'
import { type Miniature, miniature } from '../miniature.ts'

/** Thousands of files share their registrations and beacon rounds: each is checked once. */
const memory = createMemory()

let network: Miniature
let certificate: Uint8Array
const window = 1n << 43n

const write = (m: Miniature) =>
  writeCertificate(m.state(), window, {
    leaves: (cid) => m.records.get(cid),
    registration: (node) => m.registration(node),
  })

beforeAll(async () => {
  network = miniature()
  // Two draws, so that the certificate spans two epochs.
  const first = network.draw(4, 3)
  await network.work(first.epoch)
  const second = network.draw(10, 1)
  await network.work(second.epoch)
  certificate = write(network)
})

test('a window whose every unit is certified moves the frontier by its size', () => {
  const { genesis, frontier } = network.state()
  expect(frontier).toEqual({ below: (1n << 71n) + (1n << 28n), windows: 1, beyond: [] })
  expect(frontierText(genesis, frontier)).toBe('2^71 + 2^28')
  expect(frontierSentence(genesis, frontier)).toContain(
    'Every n below 2^71 + 2^28 = 2361183241434822875282 converges'.slice(0, 30),
  )
})

test('the certificate says what was computed', () => {
  const read = readCertificate(certificate, memory)
  expect(read.window).toBe(window)
  expect(read.genesis.networkId).toBe(network.genesis.networkId)
  const results = [...network.state().windows.get(window)!.certified.values()].map((unit) => unit.results[0]!.item)
  expect(read.count).toBe(results.reduce((sum, result) => sum + result.count, 0))
  expect(read.count).toBeGreaterThan(1000)
})

describe('refused', () => {
  const refuse = (bytes: Uint8Array) => {
    try {
      readCertificate(bytes, memory)
      return 'accepted'
    } catch (error) {
      return error instanceof RuleError ? 'refused' : `threw ${error}`
    }
  }

  test('the certificate with any one byte changed', () => {
    // A stride through the text; verify.test.ts changes every byte of a smaller one.
    const verdicts = new Set<string>()
    const stride = Math.max(1, Math.floor(certificate.length / 200))
    for (let at = 0; at < certificate.length; at += stride) {
      const changed = certificate.slice()
      changed[at]! ^= 1 << (at % 8)
      verdicts.add(refuse(changed))
    }
    expect([...verdicts]).toEqual(['refused'])
  }, 300_000)

  test('cut short, or with something after it', () => {
    expect(refuse(certificate.slice(0, -1))).toBe('refused')
    expect(refuse(new Uint8Array([...certificate, 0x0a]))).toBe('refused')
    expect(refuse(new Uint8Array())).toBe('refused')
  })

  const altered = (change: (file: any) => void) => {
    const file = dagJson.decode<any>(certificate)
    change(file)
    return refuse(dagJson.encode(file))
  }

  test('a unit left out, swapped or repeated', () => {
    expect(altered((file) => file.units.pop())).toBe('refused')
    expect(altered((file) => file.units.reverse())).toBe('refused')
    expect(altered((file) => (file.units[1] = file.units[0]))).toBe('refused')
  })

  test('another window, another draw, a draw too many', () => {
    expect(altered((file) => (file.window = (window + 1n).toString()))).toBe('refused')
    expect(altered((file) => (file.units[0].draw = 1))).toBe('refused')
    expect(altered((file) => file.draws.push(file.draws[1]))).toBe('refused')
  })

  test("a beacon signature that is another round's", () => {
    expect(altered((file) => (file.draws[0].signature = file.draws[1].signature))).toBe('refused')
  })

  test('a statement signed by somebody whom the deal does not name', () => {
    const stranger = new Uint8Array(32).fill(9)
    const again = (bytes: Uint8Array) => sign((dagCbor.decode(bytes) as { body: unknown }).body, stranger).bytes
    expect(altered((file) => (file.statements[0] = again(file.statements[0])))).toBe('refused')
  })

  test('a window that lacks a unit, though all that it has is certified', () => {
    const few = writeCertificate(
      network.state(),
      window,
      { leaves: (cid) => network.records.get(cid), registration: (node) => network.registration(node) },
      [1, 2],
    )
    expect(readCertificate(few, memory).complete).toBe(false)
    expect([...readCertificate(few, memory).units.keys()]).toEqual([1, 2])
    const file = dagJson.decode<any>(few)
    file.scope = 'window'
    expect(refuse(dagJson.encode(file))).toBe('refused')
  })

  test('leaves that are not those signed', () => {
    expect(altered((file) => (file.units[0].leaves = file.units[1].leaves))).toBe('refused')
  })
})

test('the state is the same in whatever order the documents come', () => {
  const inOrder = write(network)
  const { documents } = network
  const shuffled = miniature()
  for (const kind of ['accounts', 'pool', 'draws', 'results'] as const) {
    shuffled.documents[kind].splice(0, 99, ...[...documents[kind]].reverse(), ...documents[kind].slice(0, 2))
  }
  for (const [cid, bytes] of network.records) shuffled.records.set(cid, bytes)
  expect(write(shuffled)).toEqual(inOrder)
  expect(shuffled.state().accounts).toEqual(network.state().accounts)
})

test('gaps are the runs of windows that what is certified beyond waits for', () => {
  const { genesis } = miniature()
  const at = (...offsets: number[]) => {
    const frontier = frontierOf(
      genesis,
      offsets.map((i) => genesis.firstWindow + BigInt(i)),
    )
    return gapsOf(genesis, frontier).map(({ from, to }) => [from, to].map((w) => Number(w - genesis.firstWindow)))
  }
  expect(at()).toEqual([])
  expect(at(0, 1, 2)).toEqual([])
  expect(at(0, 1, 3, 4, 7)).toEqual([
    [2, 2],
    [5, 6],
  ])
  expect(at(2)).toEqual([[0, 1]])
})
