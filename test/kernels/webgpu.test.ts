/**
 * The webgpu engine on software Vulkan, against golden results and the exact engine; on broken
 * GPUs; and without any. Each process of webgpu-program.ts does many scenarios, because SwiftShader
 * takes seconds to compile a shader.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { CHROMIUM, hasChromium, SWIFTSHADER } from '../chromium.ts'
import { findings, hasSoftwareVulkan, runWithDriver } from './vulkan.ts'
import { FAULTS } from './webgpu-faults.ts'
import type { Found } from './webgpu-program.ts'

// SwiftShader takes minutes, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const PROGRAM = join(import.meta.dirname, 'webgpu-program.ts')
const ready = hasSoftwareVulkan

async function run(command: string[], driver: string, cwd?: string) {
  const { code, stdout, stderr } = await runWithDriver(command, driver, cwd === undefined ? {} : { cwd })
  if (code !== 0) throw new Error(stderr)
  return { stdout, stderr }
}

const scenario = <Name extends keyof Found>(name: Name): Promise<Found[Name]> => findings(PROGRAM, name, SWIFTSHADER)

describe.skipIf(!ready)('on software Vulkan', () => {
  let found: Found['agreement']
  beforeAll(async () => {
    await buildKernel()
    found = await scenario('agreement')
  })

  test('all golden results are found to the bit: windows, units by their Merkle root, leaves of large windows', () => {
    expect(found.golden.wrong).toEqual([])
  })

  test('exact, wasm and webgpu give 200 random units and 13 leaves of large windows alike, to the bit and in every leaf', () => {
    expect(found.random).toEqual({ units: 200, leaves: 13, wrong: [] })
  })

  test('units above 2^104 are what the exact engine says, to the bit', () => {
    expect(found.beyond).toEqual({ units: 12, wrong: [] })
  })

  test('known answers from outside: windows, path records as peaks, Barina’s tasks, the number that is easily lost', () => {
    expect(found.known).toMatchObject({ windows: 3, hardTasks: 4, wrong: [] })
    expect(found.known.records).toBeGreaterThanOrEqual(3)
  })

  test('an interrupted unit aborts with the reason, and goes on from the leaves that were told', () => {
    const { error, early, computed, leaves, resumedIsWhole } = found.interrupted
    expect(error).toStartWith('AbortError')
    expect(early).toBeGreaterThanOrEqual(5)
    expect(early).toBeLessThan(leaves)
    expect(computed).toBe(leaves - early)
    expect(resumedIsWhole).toBe(true)
    expect(found.interrupted.before).toStartWith('AbortError')
  })

  test('progress rises to all, a leaf alone is what it is in its unit, and a unit that is done takes no GPU', () => {
    expect(found.interrupted).toMatchObject({ fractionsRise: true, leafIsThatOfTheUnit: true, nothingLeft: true })
    expect(found.interrupted.lastFraction).toBeCloseTo(1, 9)
  })

  test('what it cannot do is refused before any work, and named', () => {
    expect(found.refused.map).toContain('takes the map 3n+1, not 5n+1; use the exact engine')
    expect(found.refused.fewSteps).toContain('82 to 960 hard steps for windows of 2^24, not 81')
    expect(found.refused.manySteps).toContain('not 961')
    expect(found.refused.window).toContain('between 0 and 2^128')
    expect(found.refused.leaf).toContain('no leaf 1000')
    expect(found.refused.duty).toContain('from 0.01 to 1, not 0')
    expect(found.refused.setting).toContain('threads must be 32, 64 or 128')
  })

  test('a software adapter is refused unless asked for', () => {
    expect(found.adapter.software).toBe(true)
    expect(found.refused.unforced).toMatch(/^NoGpu: .* is a software one, slower than the CPU engine$/)
  })

  test('closing fails what is under way, and not as a lost device', () => {
    expect(found.closed).toEqual({
      running: 'Error: The webgpu engine is closed',
      after: 'Error: The webgpu engine is closed',
    })
  })

  test('stages are counted, and the GPU tells its time', () => {
    const { classes, candidates, survivors, returned } = found.counters
    expect(candidates).toBeLessThan(64 * classes)
    expect(survivors).toBeLessThan(0.25 * candidates)
    expect(returned).toBeLessThan(survivors)
    expect(found.gpuMs).toBeGreaterThan(0)
  })
})

describe.skipIf(!ready)('a GPU that errs', () => {
  let found: Found['trouble']
  beforeAll(async () => {
    found = await scenario('trouble')
  })

  for (const name of Object.keys(FAULTS)) {
    test(`with ${name} is found out before it takes work`, () => {
      expect(found.planted[name]).toMatch(/^GpuFault: .*(computes .* wrongly|did not report the planted|drops work)/)
    })
  }

  test('that gives the last batch for this one is found out in the batch', () => {
    expect(found.noticed.staleBuffer).toMatch(/^GpuFault: .*(did not report the planted number|drops work)/)
  })

  test('whose second kernel dies does not report the planted number, and is not used again', () => {
    expect(found.noticed.deadKernel).toMatch(/^GpuFault: .* did not report the planted number/)
    expect(found.noticed.afterFault).toBe(found.noticed.deadKernel)
  })

  test('that refuses a command or a shader stops the engine with one line', () => {
    expect(found.noticed.refusedCommand).toMatch(/^GpuFault: The GPU refused a command: .*$/)
    expect(found.noticed.badShader).toMatch(/^GpuFault: The shader deepKernel does not compile here: line \d+: .*$/)
  })

  test('by way of small buffers loses nothing: what overflows is run again in parts', () => {
    expect(found.tiny.atStart).toBeGreaterThan(0)
    expect(found.tiny.overflows).toBeGreaterThan(0)
    expect(found.tiny.equal).toBe(true)
  })

  test('finds the same with the tables and workgroups of a fast one, when it errs no more', () => {
    expect(found.large.equal).toBe(true)
    expect(found.large.count).toBeGreaterThan(100)
  })

  test('by going away is DeviceLost, and the leaves told before are right', () => {
    expect(found.lost.error).toMatch(/^DeviceLost: The GPU .* was lost/)
    expect(found.lost.again).toBe(found.lost.error)
    expect(found.lost.leaves).toBeGreaterThanOrEqual(5)
    expect(found.lost.right).toBe(true)
  })

  test('by going away before an answer is read is DeviceLost too, and no rejection is unhandled', () => {
    expect(found.lostAsleep).toEqual({ error: expect.stringMatching(/^DeviceLost: The GPU .* was lost/), unheard: [] })
  })

  test('a quarter of the duty takes longer and finds the same', () => {
    const [whole, quarter] = found.duty.seconds
    expect(quarter! / whole!).toBeGreaterThan(1.8)
    expect(found.duty.counts[1]).toBe(found.duty.counts[0]!)
  })

  test('tuning measures each choice and gives settings that compute the same, under the key of adapter and driver', () => {
    expect(found.tuning.rates).toHaveLength(2)
    expect(Math.min(...found.tuning.rates)).toBeGreaterThan(0)
    expect(found.tuning.key).toContain('SwiftShader driver')
    expect(found.tuning.count).toBe(344)
  })
})

test.skipIf(!ready)('without a driver there is one clear line, and nothing on the error stream', async () => {
  const { stdout, stderr } = await run([process.execPath, PROGRAM, 'none'], '/nonexistent')
  expect(JSON.parse(stdout)).toEqual({ error: 'NoGpu: No GPU: Vulkan finds no driver' })
  expect(stderr).toBe('')
})

test.skipIf(!ready)('a compiled binary has the library and the shaders in it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'collatz-webgpu-'))
  try {
    const binary = join(directory, 'program')
    await run([process.execPath, 'build', '--compile', PROGRAM, '--outfile', binary], SWIFTSHADER)
    const { stdout } = await run([binary, 'answer'], SWIFTSHADER, directory)
    expect(JSON.parse(stdout)).toEqual({ count: 5811, checksum: 'b858e0b490798eef' })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.skipIf(!ready || !hasChromium())('a browser runs the same engine and shaders', async () => {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dirname, 'webgpu-page.ts')],
    target: 'browser',
    throw: true,
  })
  const script = await built.outputs[0]!.text()
  const kernel = await buildKernel()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ url }) =>
      url.endsWith('/kernel.wasm')
        ? new Response(Bun.file(kernel))
        : url.endsWith('/page.js')
          ? new Response(script, { headers: { 'content-type': 'text/javascript' } })
          : new Response('<script type=module src=/page.js></script>', { headers: { 'content-type': 'text/html' } }),
  })
  const args = [
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
  ]
  const browser = await chromium.launch({ executablePath: CHROMIUM, args })
  try {
    const page = await browser.newPage()
    await page.goto(`http://localhost:${server.port}/`)
    const found = await page.evaluate(() => (globalThis as typeof globalThis & { answer: Promise<object> }).answer)
    expect(found).toEqual({ software: true, count: 5811, checksum: 'b858e0b490798eef' })
  } finally {
    await browser.close()
    server.stop(true)
  }
})
