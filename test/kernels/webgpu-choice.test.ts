/**
 * Which engine a command gets, and what it says, when there is a GPU, none, or one that cannot be
 * used. When no engine was asked for, the CPU does the work and one line says why. When the GPU was
 * asked for by name, one line says what to use instead.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { SOFTWARE } from '../../kernels/webgpu/settings.ts'
import { SWIFTSHADER } from '../chromium.ts'
import { findings, hasSoftwareVulkan, runWithDriver } from './vulkan.ts'
import type { Found } from './webgpu-choice.ts'

setDefaultTimeout(2_400_000)

const PROGRAM = join(import.meta.dirname, 'webgpu-choice.ts')
const MAIN = join(import.meta.dirname, '../../cli/main.ts')
const directory = mkdtempSync(join(tmpdir(), 'collatz-choice-'))
beforeAll(async () => {
  await buildKernel()
})
afterAll(() => rmSync(directory, { recursive: true }))

/** Hard numbers of the small window at S0 = 80: golden.json has it. */
const COUNT = 241
const onTheCpu = (why: string) => ({
  engine: 'wasm' as const,
  count: COUNT,
  lines: [expect.stringMatching(new RegExp(`^${why}: going on with the CPU \\(wasm engine\\)\\.$`))],
})
const refused = (why: string) => ({
  error: expect.stringMatching(new RegExp(`^UserError: ${why}; use --engine wasm$`)),
  lines: [],
})
const both = (why: string) => ({ auto: onTheCpu(why), webgpu: refused(why) })

describe.skipIf(!hasSoftwareVulkan)('a GPU', () => {
  let found: Found['hooked']
  beforeAll(async () => {
    found = await findings(PROGRAM, 'hooked', SWIFTSHADER, directory)
  })

  test('that is good does the work, and nothing is said', () => {
    const good = { engine: 'webgpu' as const, count: COUNT, lines: [] }
    expect(found.good).toEqual({ auto: good, webgpu: good })
  })

  test('that cannot do so many steps is not opened: wasm does them, or says what can', () => {
    const { manyForTheGpu, manyForTheGpuByName } = found.steps
    expect(manyForTheGpu).toMatchObject({ engine: 'wasm', lines: [] })
    expect(manyForTheGpuByName).toEqual(refused('The webgpu engine takes 78 to 960 hard steps .*, not 961'))
  })

  test('steps and maps that only the exact engine does go to it, with a line', () => {
    const { manyForBoth, manyForBothByName, few, otherMap } = found.steps
    const slowly = (why: string) => ({
      engine: 'exact',
      lines: [`The wasm engine takes ${why}: going on with the exact engine, which is slow.`],
    })
    expect(manyForBoth).toMatchObject(slowly('78 to 4000 hard steps for windows of 2^20, not 4001'))
    expect(few).toMatchObject(slowly('78 to 4000 hard steps for windows of 2^20, not 77'))
    expect(otherMap).toMatchObject(slowly('the map 3n+1, not 3n-1'))
    expect(manyForBothByName).toMatchObject({ error: expect.stringContaining('use the exact engine (--engine exact)') })
  })

  test('that computes a known answer wrongly is not used', () => {
    expect(found.wrongAnswer).toEqual(both('The GPU .* wrongly .*: it miscalculates, and is not used'))
  })

  test('that does not compile a shader, whose driver throws, or refuses a device, is not used', () => {
    expect(found.badShader).toEqual(both('The shader deepKernel does not compile here: line \\d+: [^\\n]*[^.]'))
    expect(found.broken).toEqual(both('The GPU .* cannot be set up: out of luck'))
    expect(found.noDevice).toEqual(both('The GPU .* gives no device: Required limit [^\\n]*[^.]'))
  })

  test('without room for the usual sizes is used once `bench --tune` was run: its own are there before it is opened', () => {
    const why = 'The GPU has no memory for these sizes \\(`collatz bench --tune` looks for others\\): [^\\n]*[^.]'
    expect(found.noRoomAtFirst).toEqual(both(why))
    expect(found.tuned).toEqual([
      expect.objectContaining({ ...SOFTWARE, survivorRoom: found.room, batchMs: expect.any(Number) }),
    ])
    expect(found.noRoomTuned).toEqual({ engine: 'webgpu', count: COUNT, lines: [] })
  })

  test('that runs with no sizes at all cannot be tuned', () => {
    expect(found.noRoomAtAll).toMatch(/^GpuFault: .* none of the sizes that were tried: use --engine wasm$/)
  })

  test('that is lost in the middle of two units is replaced once, with one line, and they come out right', () => {
    const { before, after, lines, byGpu, right, told, toldOnce, leaves, counted } = found.lost
    expect([before, after, byGpu]).toEqual(['webgpu', 'wasm', 5])
    expect(lines).toEqual(['The GPU was lost: going on with the CPU (wasm engine).'])
    expect(right).toBe(true)
    expect([told, toldOnce]).toEqual([leaves, leaves])
    expect(counted).toEqual(expect.arrayContaining(['survivors', 'wide']))
  })
})

describe.skipIf(!hasSoftwareVulkan)('a driver', () => {
  test('that is missing is no news, unless the GPU was asked for', async () => {
    const found = await findings(PROGRAM, 'plain', '/nonexistent')
    expect(found.auto).toEqual({ engine: 'wasm', count: COUNT, lines: [] })
    expect(found.webgpu).toEqual(refused('No GPU: Vulkan finds no driver'))
  })

  test('that Vulkan cannot use is named', async () => {
    const manifest = join(directory, 'broken.json')
    const ICD = { library_path: join(directory, 'no-driver.so'), api_version: '1.3.0' }
    writeFileSync(manifest, JSON.stringify({ file_format_version: '1.0.0', ICD }))
    writeFileSync(ICD.library_path, 'this is no library')
    const found = await findings(PROGRAM, 'plain', manifest)
    expect(found).toEqual(both(`No GPU: Vulkan can use none of the drivers that are installed \\(${manifest}\\)`))
  })

  test('that Vulkan loads and WebGPU refuses is said to be so, and nothing else is on the error stream', async () => {
    // The loader hides all devices that are not of this vendor: there is a driver, and no adapter.
    const env = { VK_LOADER_VENDOR_ID_FILTER: '0x9999' }
    const { stdout, stderr } = await runWithDriver([process.execPath, PROGRAM, 'plain'], SWIFTSHADER, { env })
    expect(JSON.parse(stdout)).toEqual(both('No GPU: no driver offers one to WebGPU'))
    expect(stderr).toBe('')
  })

  test('whose only adapter is software is not used', async () => {
    const found = await findings(PROGRAM, 'plain', SWIFTSHADER)
    expect(found).toEqual(both('No GPU: SwiftShader driver .* is a software one, slower than the CPU engine'))
  })

  test('that is missing ends a tuning and a run by name with one line, and remembers nothing', async () => {
    const program = (...args: string[]) =>
      runWithDriver([process.execPath, MAIN, ...args, '--data', join(directory, 'none')], '/nonexistent')
    expect(await program('bench', '--tune')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'collatz: No GPU: Vulkan finds no driver\n',
    })
    expect(await program('verify', 'window', '5', '--bits', '20', '--engine', 'webgpu')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'collatz: No GPU: Vulkan finds no driver; use --engine wasm\n',
    })
    expect(existsSync(join(directory, 'none', 'gpu.json'))).toBe(false)
  })
})
