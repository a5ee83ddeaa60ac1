/** The mathematics through the command line: no network, known answers, every engine the same. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { sigma } from '../../../kernels/sigma.ts'
import { hasSwiftShader, SWIFTSHADER } from '../../chromium.ts'
import { PATH_RECORDS } from '../../kernels/path-records.ts'
import { Desk, type Outcome } from '../program.ts'

setDefaultTimeout(2_400_000)

const desk = new Desk()
afterAll(() => desk.dispose())

function ok({ code, stdout, stderr }: Outcome): string {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}
const json = async (...args: string[]) => JSON.parse(ok(await desk.run(...args, '--json')))

describe('verify a number', () => {
  test('27: its trajectory, the rule that fires, and the smaller number it meets', async () => {
    const text = ok(await desk.run('verify', '27'))
    expect(text).toContain('converges')
    expect(text).toContain('9232')
    expect(text).toContain('sigma = 59')
    expect(text).toContain('23, which is smaller')
    expect(await json('verify', '27')).toMatchObject({ n: '27', converges: true, trajectory: { steps: 70, glide: 59 } })
  })

  test('numbers of any size, also one that a wrong merge rule would lose', async () => {
    expect(await json('verify', (2n ** 71n + 1070573620327n).toString())).toMatchObject({
      converges: true,
      candidate: false,
    })
    expect(await json('verify', (3n ** 400n).toString())).toMatchObject({ converges: true })
    expect(await json('verify', '1')).toMatchObject({ converges: true })
  })

  test('numbers as people write them', async () => {
    const written: [string, bigint][] = [
      ['2^71', 2n ** 71n],
      ['2^71-1', 2n ** 71n - 1n],
      ['87*2^60+7', 87n * 2n ** 60n + 7n],
      ['2,361,183,241,434,822,606,848', 2n ** 71n],
    ]
    for (const [text, n] of written) expect(await json('verify', text)).toMatchObject({ n: n.toString() })
    expect(await json('verify', 'window', '5*2^3+1', '--bits', '20')).toMatchObject({ window: '41' })
  })

  test('no number, negative, or too long', async () => {
    for (const bad of ['0', '-5', '-17', '−5', '3-5', '2^131072', '9'.repeat(39_458), '2^99999999999', '9^99999']) {
      const { code, stderr } = await desk.run('verify', bad)
      expect({ bad, code }).toEqual({ bad, code: 64 })
      expect(stderr).toMatch(/^collatz: .*(is negative|n >= 1|numbers here are below 2\^131072)/)
    }
  })

  test('what looks like a number is never a missing file, and a file that looks like a number is one', async () => {
    for (const bad of ['27.0', '1e21', '0x1B', '(2^71)+1', '2.361.183', '']) {
      const { code, stderr } = await desk.run('verify', bad)
      expect({ bad, code }).toEqual({ bad, code: 64 })
      expect(stderr).toMatch(/a whole number in decimal digits, such as 27|is empty/)
    }
    const missing = await desk.run('verify', 'abc')
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no file abc') })
    writeFileSync(desk.path('27.0'), '')
    expect((await desk.run('verify', desk.path('27.0'))).stderr).toContain('NOT VALID')
  })

  test('2^100000 - 1, the standard example of forums, and the largest size', async () => {
    const report = await json('verify', '2^100000-1')
    expect(report).toMatchObject({
      ...{ bits: 100_000, converges: true, candidate: false },
      trajectory: { steps: 863_323, oddSteps: 481_603, glide: 384_048, max: (2n * 3n ** 100_000n - 2n).toString() },
    })
    expect(await json('verify', '2^131071')).toMatchObject({ bits: 131_072, trajectory: { steps: 131_071 } })
  })

  test('Ctrl-C ends a long trajectory', async () => {
    const child = desk.start('verify', '2^131072-1')
    const { stderr } = await desk.interrupt(child)
    expect(stderr).toContain('trajectory |')
    expect(child.signalCode ?? child.exitCode).toBe('SIGINT')
  })
})

describe('verify a window', () => {
  test('the 2^40 numbers from 2^71: 8741 hard numbers, checksum 4ac598ebce2e8e03', async () => {
    const result = await json('verify', 'window', '2147483648', '--engine', 'wasm')
    expect(result).toMatchObject({
      bits: 40,
      hardSteps: 320,
      count: 8741,
      checksum: '4ac598ebce2e8e03',
      engine: 'wasm',
    })
    expect(Math.abs(result.count - result.expected)).toBeLessThan(4 * result.standardDeviation)
    expect(result.seconds).toBeGreaterThan(0)
  })

  test('exact and wasm give the same', async () => {
    for (const window of ['0', '1', (1n << 44n).toString(), (1n << 51n).toString()]) {
      const [wasm, exact] = await Promise.all(
        ['wasm', 'exact'].map((engine) =>
          json('verify', 'window', window, '--bits', '20', '--hard-steps', '80', '--engine', engine),
        ),
      )
      expect({ ...exact, engine: '', seconds: 0 }).toEqual({ ...wasm, engine: '', seconds: 0 })
    }
  })

  test('a high path record is the peak of its window', async () => {
    const { n, value } = PATH_RECORDS.find((record) => record.n === 1254251874774375n)!
    const { peak } = await json('verify', 'window', (n >> 32n).toString(), '--bits', '32')
    expect(peak).toEqual({ n: n.toString(), value: value.toString() })
  })

  test('Ctrl-C leaves a checkpoint, and the same command goes on from it to the same result', async () => {
    // The 2^38 numbers from 2^71.
    const window = ['verify', 'window', '8589934592', '--bits', '38', '--engine', 'wasm', '--cpu', '1']
    const child = desk.start(...window)
    const { code, stderr } = await desk.interrupt(child)
    expect(code).toBe(130)
    expect(stderr).toContain(`what is done is kept. Go on with the same command: collatz ${window.join(' ')}`)
    expect(readdirSync(desk.path('data', 'checkpoints'))).toHaveLength(1)
    const again = await json(...window)
    expect(again).toMatchObject({ count: 2208, checksum: '6c5c7eba9e077d59' })
    expect(again.leavesFromCheckpoint).toBeGreaterThan(0)
    expect(readdirSync(desk.path('data', 'checkpoints'))).toEqual([])
  })

  test('without a place for a checkpoint it says so, does the work, and keeps nothing when it is stopped', async () => {
    writeFileSync(desk.path('a-file'), '')
    const where = ['--engine', 'wasm', '--cpu', '1', '--data', desk.path('a-file')]
    expect(await json('verify', 'window', '5', '--bits', '28', '--hard-steps', '128', ...where)).toMatchObject({
      count: 5811,
      checksum: 'b858e0b490798eef',
    })
    const child = desk.start('verify', 'window', '2147483648', ...where)
    const { code, stderr } = await desk.interrupt(child)
    expect(code).toBe(130)
    expect(stderr.match(/No checkpoint can be kept .*: give another directory with --data/g)).toHaveLength(1)
    expect(stderr).toEndWith('collatz: stopped; nothing is kept\n')
  })

  test('what can not be', async () => {
    const wrong: [string[], RegExp][] = [
      [['verify', 'window', 'x'], /the window is "x": give a whole number/],
      [['verify', 'window', (1n << 60n).toString()], /out of range/],
      [['verify', 'window', '1', '--bits', '19'], /--bits is "19"/],
      [['verify', 'window', '1', '--bits', '72'], /--bits is "72": give a whole number from 20 to 71/],
      [['verify', 'window', '1', '--hard-steps', '50', '--engine', 'wasm'], /hard/],
      [
        ['verify', 'window', '1', '--hard-steps', '4001'],
        /--hard-steps is "4001": give a whole number from 40 to 4000/,
      ],
      [['verify', 'window', '1', '--engine', 'abacus'], /--engine is "abacus"/],
      [['verify', 'window', '1', '--cpu', '0'], /--cpu is "0"/],
      [['verify', 'window', '1', '--gpu-duty', '2'], /--gpu-duty is "2"/],
      [['scan', '--from', '9', '--to', '3'], /not above/],
      [['scan', '--from', 'here', '--to', '3'], /--from is "here"/],
      [['scan', '--from', '2^95', '--to', '2^96+1'], /--to 79228162514264337593543950337 is out of range: 2\^96/],
      [['scan', '--from', '0', '--to', '9', '--hard-steps', '4001'], /--hard-steps is "4001".* from 78 to 4000/],
      [['bench', '--bits', '72'], /--bits is "72": give a whole number from 20 to 71/],
      [['bench', '--seconds', '0'], /--seconds is "0"/],
      [['bench', '--units', '2', '--seconds', '9'], /--units and --seconds exclude each other/],
      [['bench', '--units', '2'], /--units is "2": give a whole number from 1 to 1/],
    ]
    for (const [args, says] of wrong) {
      const { code, stderr } = await desk.run(...args)
      expect(code).toBeGreaterThan(0)
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(says)
      expect(stderr).not.toMatch(/\n {4}at /)
    }
  })
})

describe('scan', () => {
  const records = PATH_RECORDS.map(({ n, value }) => ({ n: n.toString(), value: value.toString() }))
  const below = (bound: bigint) => records.filter(({ n }) => BigInt(n) < bound)

  test('finds every path record of the tables below 2^36', async () => {
    const found = await json('scan', '--from', '0', '--to', '2^36', '--records', '--engine', 'wasm')
    expect(found.fromZero).toBe(true)
    expect(found.records.filter(({ n }: { n: string }) => BigInt(n) >= 27n)).toEqual(below(1n << 36n))
  })

  test('finds the same with the exact engine, and prints them in order', async () => {
    const text = ok(await desk.run('scan', '--from', '0', '--to', '2^21', '--records', '--engine', 'exact'))
    const lines = text.split('\n').filter((line) => line.startsWith('record'))
    expect(lines.slice(-3)).toEqual(
      below(1n << 21n)
        .slice(-3)
        .map(({ n, value }) => `record  ${n}  climbs to ${value}`),
    )
    expect(text).toContain(`Scanned [0, 2097152): ${lines.length} path records.`)
  })

  test('that starts above zero says that its records are only those of the range', async () => {
    const found = await json('scan', '--from', '319000000', '--to', '320000000', '--records', '--engine', 'wasm')
    expect(found.fromZero).toBe(false)
    expect(found.records.at(-1)).toEqual({ n: '319804831', value: '1414236446719942480' })
    expect(BigInt(found.from)).toBeLessThanOrEqual(319000000n)
    expect(BigInt(found.to)).toBeGreaterThanOrEqual(320000000n)
    const text = ok(await desk.run('scan', '--from', '2^36', '--to', '2^36+1', '--records', '--engine', 'wasm'))
    expect(text).toContain('hard numbers that climb higher than those before them from 68719476736 on (any path record')
    expect(text).not.toMatch(/^record/m)
  })

  test('Ctrl-C leaves a checkpoint, and the same command goes on from it to the same list', async () => {
    const range = ['scan', '--from', (1n << 71n).toString(), '--to', (2n ** 71n + 2n ** 36n).toString(), '--json']
    const child = desk.start(...range, '--engine', 'wasm')
    const { code, stderr } = await desk.interrupt(child)
    expect(code).toBe(130)
    expect(stderr).toContain('what is done is kept. Go on with the same command: collatz scan --from')
    const again = await desk.run(...range, '--engine', 'wasm')
    expect(again.stderr).toContain('Going on from')
    const { hardNumbers } = JSON.parse(ok(again))
    const counted = await json('verify', 'window', (1n << 35n).toString(), '--bits', '36', '--engine', 'wasm')
    expect(hardNumbers).toHaveLength(counted.count)
    expect(new Set(hardNumbers.map(({ n }: { n: string }) => n)).size).toBe(counted.count)
  })

  test('lists the hard numbers that the count counts', async () => {
    const from = 1n << 71n
    const { hardNumbers } = await json(
      'scan',
      '--from',
      from.toString(),
      '--to',
      (from + (1n << 24n)).toString(),
      '--hard-steps',
      '128',
    )
    const counted = await json('verify', 'window', (from >> 24n).toString(), '--bits', '24', '--hard-steps', '128')
    expect(hardNumbers).toHaveLength(counted.count)
    for (const { n, sigma: claimed } of hardNumbers.slice(0, 50))
      expect(sigma(BigInt(n))).toMatchObject({ step: claimed })
  })
})

test('selftest: every known answer of every engine here', async () => {
  const { ok: allRight, checks } = await json('selftest')
  expect(allRight).toBe(true)
  expect(checks.length).toBeGreaterThanOrEqual(8)
})

test('bench: rates, stages, and the counts that theory expects', async () => {
  const { runs } = await json('bench', '--bits', '36', '--engine', 'wasm', '--cpu', '2')
  expect(runs).toHaveLength(2)
  for (const run of runs) {
    expect(run.rate).toBeGreaterThan(0)
    expect(Math.abs(run.deviations)).toBeLessThan(4)
    expect(run.stages.candidates).toBeGreaterThan(run.stages.wide)
  }
})

test.each([
  ['the wasm engine', ['--engine', 'wasm', '--bits', '44', '--cpu', '1']],
  ['the exact engine in its first leaf', ['--engine', 'exact', '--bits', '60']],
  ['the largest windows', ['--engine', 'wasm', '--bits', '71', '--cpu', '1']],
])('bench of %s shows how far it is, and is stopped by Ctrl-C, which is no defect', async (_, args) => {
  const child = desk.start('bench', ...args)
  const { code, stderr } = await desk.interrupt(child)
  expect(stderr).toMatch(/1 worker \|.*% · /)
  expect(stderr).toEndWith('collatz: stopped\n')
  expect(code).toBe(130)
})

test('bench of a window that would take hours ends when its time is over, and says what it did', async () => {
  const { runs, of } = await json('bench', '--engine', 'wasm', '--bits', '60', '--seconds', '1', '--cpu', '1')
  expect(runs[0].leaves).toBeGreaterThan(0)
  expect(runs[0].numbers).toBeLessThan(2 ** 50)
  expect(Math.abs(runs[0].deviations)).toBeLessThan(4)
  expect(of).toBeGreaterThan(1)
})

test('bench of all units does all numbers', async () => {
  const args = ['--engine', 'wasm', '--bits', '28', '--window', '5', '--units', 'all', '--cpu', '1']
  const { runs } = await json('bench', ...args)
  expect(runs).toHaveLength(1)
  expect(runs[0].numbers).toBe(2 ** 28)
  const { count, checksum } = await json('verify', 'window', '5', '--bits', '28', '--engine', 'wasm')
  expect(runs[0]).toMatchObject({ count, checksum })
})

/** With another Vulkan driver, in this process's environment otherwise. */
function withDriver(driver: string, ...args: string[]) {
  const loader = dirname(SWIFTSHADER)
  const path = [process.env.LD_LIBRARY_PATH, existsSync(`${loader}/libvulkan.so.1`) ? loader : ''].filter(Boolean)
  const child = Bun.spawnSync([desk.binary, ...args], {
    env: {
      ...process.env,
      COLLATZ_HOME: desk.path('data'),
      COLLATZ_SOFTWARE_GPU: '1',
      VK_DRIVER_FILES: driver,
      LD_LIBRARY_PATH: path.join(':'),
    },
  })
  return { code: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() }
}

test.skipIf(process.platform !== 'linux' || !hasSwiftShader())('the GPU gives the same, here in software', () => {
  const window = ['verify', 'window', '5', '--bits', '26', '--hard-steps', '128', '--json', '--engine']
  const [gpu, wasm] = ['webgpu', 'wasm'].map((engine) => JSON.parse(ok(withDriver(SWIFTSHADER, ...window, engine))))
  expect(gpu.engine).toBe('webgpu')
  expect({ ...gpu, engine: '', seconds: 0 }).toEqual({ ...wasm, engine: '', seconds: 0 })
})

test.skipIf(process.platform !== 'linux' || !hasSwiftShader())('bench of a GPU has its stages too', () => {
  const { runs } = JSON.parse(
    ok(withDriver(SWIFTSHADER, 'bench', '--engine', 'webgpu', '--bits', '26', '--units', 'all', '--json')),
  )
  const { stages, utilisation, numbers, count, checksum } = runs[0]
  expect(numbers).toBe(2 ** 26)
  expect(stages.candidates).toBeGreaterThan(stages.survivors)
  expect(stages.survivors).toBeGreaterThan(0)
  if (utilisation !== null) expect(utilisation).toBeLessThanOrEqual(1.01)
  const args = ['bench', '--engine', 'wasm', '--bits', '26', '--units', 'all', '--cpu', '1', '--json']
  expect(JSON.parse(ok(withDriver(SWIFTSHADER, ...args))).runs[0]).toMatchObject({ count, checksum })
})

test('no GPU: asked for by name it is an error in one line, otherwise the CPU does the work', () => {
  const run = (engine: string) =>
    withDriver('/nonexistent', 'verify', 'window', '1', '--bits', '24', '--engine', engine, '--json')
  const asked = run('webgpu')
  expect(asked.code).toBeGreaterThan(0)
  expect(asked.stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(JSON.parse(run('auto').stdout).engine).toBe('wasm')
})
