/** The second verifier is a folder that stands alone: what it borrows, how long it is, and that node runs it anywhere. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagJson from '@ipld/dag-json'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import { isShort, mostSkipped } from '../../kernels/evidence/shortfall.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import type { Partition } from '../../kernels/unit.ts'
import { Forger } from './forger.ts'
import { MOST_BYTES } from './standalone/certificate.mjs'
import * as second from './standalone/numbers.mjs'
import { asJson, troubled } from './troubled.ts'

setDefaultTimeout(120_000)

const folder = join(import.meta.dir, 'standalone')
const root = join(import.meta.dir, '../..')
const packageOf = (at: string) => JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'))
const sources = readdirSync(folder).filter((name) => name.endsWith('.mjs'))
const textOf = (name: string) => readFileSync(join(folder, name), 'utf8')

describe('the folder', () => {
  test('imports itself, node, and the packages that it pins, in the versions of the program', () => {
    const { dependencies } = packageOf(folder)
    const own = packageOf(root).dependencies
    for (const [name, version] of Object.entries(dependencies)) expect([name, own[name]]).toEqual([name, version])
    const borrowed = new Set<string>()
    for (const name of sources) {
      const text = textOf(name)
      expect(text).not.toMatch(/\bimport\(|\brequire\(|\beval\(/)
      for (const [, from] of text.matchAll(/\bfrom '([^']+)'/g)) {
        if (from!.startsWith('./')) expect(sources).toContain(from!.slice(2))
        else if (!from!.startsWith('node:'))
          borrowed.add(Object.keys(dependencies).find((d) => `${from}/`.startsWith(`${d}/`)) ?? from!)
      }
    }
    expect([...borrowed].sort()).toEqual(Object.keys(dependencies).sort())
  })
  test('is short, and not packed', () => {
    const lines = sources.flatMap((name) => textOf(name).split('\n').slice(0, -1))
    expect(lines.length).toBeLessThanOrEqual(1000)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(120)
  })
})

describe('node runs it outside of the checkout', () => {
  const directory = mkdtempSync(join(tmpdir(), 'verifier-'))
  const copied = join(directory, 'copy')
  beforeAll(() => {
    cpSync(folder, copied, { recursive: true, filter: (from) => !from.includes('node_modules') })
    // In place of `npm install`, which takes the network: these versions are there.
    symlinkSync(join(root, 'node_modules'), join(copied, 'node_modules'))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const run = (bytes: Uint8Array, prepare: (path: string) => void = () => {}) => {
    const path = join(directory, 'file')
    writeFileSync(path, bytes)
    prepare(path)
    const { status, stdout, stderr } = spawnSync('node', ['verify.mjs', path], { cwd: copied, encoding: 'utf8' })
    return `${status} ${stdout}${stderr}`
  }
  const bytes = asJson(troubled()[1]!)

  test('a certificate that holds: 0, and three parts', () => {
    const said = run(bytes)
    expect(said).toStartWith('0 VALID\n')
    expect(said).toMatch(/What arithmetic shows\n {2}\d+ items of evidence in 11 results: each is sound, computed anew/)
    expect(said).toMatch(/What signatures say\n {2}\d accounts signed results, of 9 on the roster/)
    expect(said).toMatch(/Who ran the beacon\n {2}One operator/)
    expect(said).toMatch(/What is not shown\n[\s\S]*Who is right in units 0, where results differ/)
  })
  test('one that does not: 1, and the reason', () => {
    const file = dagJson.decode<any>(bytes)
    file.units[2].results[0].evidence = new Uint8Array(6)
    expect(run(dagJson.encode(file))).toMatch(
      /^1 [\s\S]*NOT VALID: unit 2: the result of node [0-9a-f]{8}: its evidence is not what it signed\n$/,
    )
  })
  test('what can not be read: 2', () => {
    expect(run(bytes, (path) => truncateSync(path, MOST_BYTES + 1))).toMatch(/^2 .* it has 536870913 bytes/)
    expect(run(bytes, (path) => rmSync(path))).toMatch(/^2 .*ENOENT/)
  })
  test('what proves nothing: 5, in those words', () => {
    const partition = { bits: 20, units: 3, leaves: 16, hardSteps: 78, evidence: { flagBits: 0, items: 30 } }
    const forger = new Forger({ accounts: 1, replication: 1, partition })
    expect(run(dagJson.encode(forger.file(forger.answers())))).toMatch(/^5 PROVES NOTHING: /)
  })
})

describe('its mathematics are those of the program:', () => {
  const CUTS = [
    ['3n+1', 28, 4, 8],
    ['3n+1', 22, 64, 256],
    ['3n+1', 40, 100, 32],
    ['3n+1', 56, 300, 256],
    ['3n+1', 60, 16_384, 256],
    ['3n-1', 24, 20, 16],
    ['5n+1', 24, 20, 16],
  ] as const
  const about = {
    network: new Uint8Array(32).fill(1),
    seed: new Uint8Array(32).fill(2),
    signer: new Uint8Array(32).fill(3),
  }
  test.each(CUTS)('%s, windows of 2^%i, %i units of %i leaves', (map, bits, units, leaves) => {
    const evidence = { flagBits: 9, items: 512 }
    const partition: Partition = { map, bits, units, leaves, hardSteps: 320, evidence }
    const { classes: own, leavesOf: ownLeaves } = second.cutOf(partition)
    const theirs = classes(partition)
    expect(own.map(({ r }) => r)).toEqual(theirs.map(({ residue }) => residue))
    for (const unit of [0, theirs.length - 1]) {
      expect(ownLeaves(own[unit]!).map(({ r }) => r)).toEqual(leavesOf(partition, unit).map(({ residue }) => residue))
      const window = (1n << 71n) >> BigInt(bits)
      const wanted = evidenceTest({ partition, window, index: unit }, about)
      const test = second.evidenceTest(partition, own[unit]!, evidence, { ...about, window, index: unit })
      expect([Buffer.from(test.key), Number(test.flag)]).toEqual([Buffer.from(wanted.key), wanted.flag])
      expect(test.tiers.map(({ steps, tau, mean }) => ({ steps, tau, mean }))).toEqual(
        wanted.tiers.map(({ steps, tau, mean }) => ({ steps, tau, mean })),
      )
      const theory = expectedHard(partition, theirs[unit]!)
      for (let off = -8; off <= 8; off += 0.7) {
        const count = Math.max(0, Math.round(theory.mean + off * theory.standardDeviation))
        const isLikely = Math.abs(deviations(count, theory)) <= 6
        expect([count, second.isPlausible(partition, own[unit]!, count)]).toEqual([count, isLikely])
      }
    }
  })
  test('what falls short', () => {
    for (const items of [0, 1, 9, 41, 215, 512, 1024]) {
      const mean = (BigInt(items) << 32n) / 3n
      for (let count = 0; count <= items; count += 1 + (items >> 5)) {
        for (const looks of [1, 12]) {
          expect(second.isShort({ count, mean }, looks)).toBe(isShort({ count, mean }, looks))
        }
        expect(second.mostSkipped({ count, mean })).toBe(mostSkipped({ count, mean }))
      }
    }
  })
})
