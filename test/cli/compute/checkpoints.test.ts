/**
 * What was interrupted goes on from what it had, and only from that: a checkpoint is as it was
 * left, or it is not used.
 */
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkpoint, ScanCheckpoint } from '../../../cli/compute/checkpoints.ts'
import { cutOf } from '../../../kernels/cut.ts'
import { hardNumber, merge } from '../../../kernels/result.ts'
import type { HardSummary } from '../../../kernels/unit.ts'

const directory = mkdtempSync(join(tmpdir(), 'collatz-checkpoints-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let fresh = 0
const folder = () => join(directory, String(fresh++))
const leaf = (i: number): HardSummary =>
  merge(hardNumber(2n ** 71n + BigInt(i), 330 + i, 10n ** 30n), hardNumber(2n ** 70n + 1n, 400, 7n))
const partition = cutOf(40)
const only = (data: string) => {
  const [name] = readdirSync(join(data, 'checkpoints'))
  return join(data, 'checkpoints', name!)
}

function open(data: string) {
  const said: string[] = []
  const checkpoint = new Checkpoint(data, partition, 5n, (line) => said.push(line))
  return { checkpoint, said }
}

/** Three saves of two leaves each. */
function written(): string {
  const data = folder()
  const { checkpoint } = open(data)
  for (let i = 0; i < 6; i++) {
    checkpoint.add(i % 3, i, leaf(i))
    if (i % 2 === 1) expect(checkpoint.save()).toBe(true)
  }
  return data
}

describe('the checkpoint of a window', () => {
  test('has the leaves of all saves', () => {
    const { checkpoint, said } = open(written())
    expect(checkpoint.known).toBe(6)
    for (let i = 0; i < 6; i++) expect(checkpoint.of(i % 3).get(i)).toEqual(leaf(i))
    expect(said).toEqual([])
  })

  test('is written to only when there is something new, and then only that', () => {
    const data = written()
    const { size } = statSync(only(data))
    const { checkpoint } = open(data)
    checkpoint.save()
    expect(statSync(only(data)).size).toBe(size)
    checkpoint.add(7, 7, leaf(7))
    checkpoint.save()
    expect(statSync(only(data)).size - size).toBeLessThan(size / 3)
    expect(open(data).checkpoint.known).toBe(7)
  })

  test('with any one bit changed is set aside, and the work begins anew', () => {
    const bytes = readFileSync(only(written()))
    for (let at = 0; at < bytes.length; at += 3) {
      const data = written()
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 << (at % 8)
      writeFileSync(only(data), changed)
      const path = only(data)
      const { checkpoint, said } = open(data)
      expect(said).toHaveLength(1)
      if (said[0]!.startsWith('The end of')) {
        // A length that points beyond the end is as good as an end that is missing.
        expect(checkpoint.known).toBeLessThan(6)
        continue
      }
      expect(said[0]).toContain(`set aside as ${path}.set-aside, and the work begins anew`)
      expect(checkpoint.known).toBe(0)
      expect(readFileSync(`${path}.set-aside`).equals(changed)).toBe(true)
      expect(existsSync(path)).toBe(false)
    }
  })

  test('that a crash cut short has what was whole, and goes on from there', () => {
    const bytes = readFileSync(only(written()))
    for (let length = bytes.length - 1; length > bytes.length / 3 + 1; length -= 7) {
      const data = written()
      writeFileSync(only(data), bytes.subarray(0, length))
      const { checkpoint, said } = open(data)
      expect(said).toEqual(['The end of the checkpoint is missing: what comes before it is used.'])
      expect(checkpoint.known).toBe(length >= (2 * bytes.length) / 3 ? 4 : 2)
      checkpoint.add(9, 9, leaf(9))
      checkpoint.save()
      const again = open(data)
      expect(again.checkpoint.of(9).get(9)).toEqual(leaf(9))
      expect(again.said).toEqual([])
    }
  })

  test('of another window does not pass for this one', () => {
    const data = written()
    const other = new Checkpoint(data, partition, 6n, () => {})
    other.add(0, 0, leaf(0))
    other.save()
    const path = (window: number) => join(data, 'checkpoints', `window-${window}-40-1-256-320.cbor`)
    writeFileSync(path(5), readFileSync(path(6)))
    const { checkpoint, said } = open(data)
    expect(checkpoint.known).toBe(0)
    expect(said).toHaveLength(1)
  })
})

describe('of two processes that do the same window at once', () => {
  const save = ({ checkpoint }: ReturnType<typeof open>, i: number) => {
    checkpoint.add(0, i, leaf(i))
    return checkpoint.save()
  }

  test('one keeps what it does, the other says once that it does not, and the checkpoint is whole', () => {
    const data = written()
    const [first, second] = [open(data), open(data)]
    expect(save(first, 10)).toBe(true)
    expect(save(second, 11)).toBe(false)
    expect(save(first, 12)).toBe(true)
    expect(save(second, 13)).toBe(false)
    expect(first.said).toEqual([])
    expect(second.said).toEqual([expect.stringMatching(/^Another process works on the same and writes to \S+: what/)])
    second.checkpoint.remove()
    const { checkpoint, said } = open(data)
    expect([checkpoint.known, said]).toEqual([8, []])
    for (const i of [10, 12]) expect(checkpoint.of(0).get(i)).toEqual(leaf(i))
  })

  test('the one that is not done when the other is begins no checkpoint in the middle', () => {
    const data = folder()
    const [first, second] = [open(data), open(data)]
    expect(save(first, 1)).toBe(true)
    expect(save(first, 2)).toBe(true)
    first.checkpoint.remove()
    expect(save(second, 3)).toBe(true)
    expect(save(first, 4)).toBe(false)
    expect(open(data).checkpoint.known).toBe(1)
  })
})

test('the checkpoint of a scan has all that was found, and where it stopped', () => {
  const data = folder()
  const open = () => new ScanCheckpoint(data, '0-4096-320', 0n, () => {})
  const found = (n: bigint) => ({ n, sigma: 400, peak: n * n })
  const first = open()
  expect(first.state).toEqual({ at: 0n, records: [], hardNumbers: [] })
  for (let i = 1; i <= 4; i++) {
    first.state.at = BigInt(1024 * i)
    first.state.hardNumbers.push(found(BigInt(i)), found(BigInt(10 * i)))
    if (i === 2) first.state.records.push({ n: 27n, sigma: null, peak: 9232n })
    expect(first.save()).toBe(true)
  }
  expect(open().state).toEqual(first.state)
  const { size } = statSync(only(data))
  first.save()
  expect(statSync(only(data)).size).toBe(size)
  first.remove()
  expect(open().state.at).toBe(0n)
})
