/**
 * The webgpu engine on software Vulkan lists the evidence that the other engines do, to the byte.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { flags } from '../../kernels/webgpu/tables.ts'
import { SWIFTSHADER } from '../chromium.ts'
import { Random } from './random.ts'
import { findings, hasSoftwareVulkan } from './vulkan.ts'
import type { EvidenceFound } from './webgpu-evidence-program.ts'

setDefaultTimeout(900_000)

test('the table of flags says which values carry the flag up to nine steps later', () => {
  const random = new Random(8)
  for (const flagBits of [0, 1, 7, 15]) {
    const flag = random.below(2 ** flagBits)
    const words = flags(flagBits, flag)
    for (let d = 0; d < 10; d++) {
      let carriers = 0
      for (let i = 0; i < 300; i++) {
        const start = random.below(2 ** 24)
        let value = BigInt(start)
        for (let j = 0; j < d; j++) value = value & 1n ? (3n * value + 1n) >> 1n : value >> 1n
        const carries = Number(BigInt.asUintN(flagBits, value)) === flag
        const patterns = 2 ** d - 1
        expect(((start >> d) & (2 ** flagBits - 1)) === words[patterns + (start & patterns)]).toBe(carries)
        if (carries) carriers++
      }
      if (flagBits < 2) expect(carriers).toBeGreaterThan(50)
    }
  }
})

describe.skipIf(!hasSoftwareVulkan)('on software Vulkan', () => {
  let found: EvidenceFound
  beforeAll(async () => {
    await buildKernel()
    found = await findings(join(import.meta.dirname, 'webgpu-evidence-program.ts'), 'all', SWIFTSHADER)
  }, 900_000)

  test('200 random units and 13 leaves of large windows, with seeds of three sizes', () => {
    expect(found.wrong).toEqual([])
    expect(found).toMatchObject({ units: 200, leaves: 13 })
    for (const count of found.items) expect(count).toBeGreaterThan(500)
  })

  test('units without a request in between have none, and the same result', () => {
    expect(found.plain).toBeGreaterThan(10)
  })

  test('a GPU that does not see flags is found out by the first request', () => {
    expect(found.blind.count).toBeGreaterThanOrEqual(0)
    expect(found.blind.error).toMatch(/^GpuFault: The GPU .* items of known evidence, or wrong ones/)
    expect(found.blind.after).toBe(found.blind.error)
  })

  test('killed and resumed in the middle it ends with the same bytes', () => {
    const { error, early, missing, items, equal } = found.resumed
    expect(error).toBe('AbortError')
    expect(early).toBeGreaterThanOrEqual(7)
    expect(missing).toBe(0)
    expect(items).toBeGreaterThan(100)
    expect(equal).toBe(true)
  })
})
