/**
 * `collatz selftest`: known answers, computed with every engine of this machine.
 *
 * Separate from the tests of the project, as it is for machines: memory that fails and processors
 * that run too fast.
 */
import { defineCommand } from 'citty'
import { createExactEngine } from '../../kernels/exact.ts'
import { step, trajectory } from '../../kernels/map.ts'
import { sigma } from '../../kernels/sigma.ts'
import type { Engine, Partition } from '../../kernels/unit.ts'
import { openWasmEngine } from '../../kernels/wasm/open.ts'
import { openWebgpuEngine } from '../../kernels/webgpu/open.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { shared } from '../shell/command.ts'
import { UserError } from '../shell/errors.ts'
import { durationText, lateBar, printJson, table } from '../shell/print.ts'

interface KnownWindow {
  readonly bits: number
  readonly window: bigint
  readonly hardSteps: number
  readonly count: number
  readonly checksum: string
}

/** By true arithmetic, of programs that share no code with these engines. */
const WINDOWS: readonly KnownWindow[] = [
  { bits: 28, window: 5n, hardSteps: 128, count: 5811, checksum: 'b858e0b490798eef' },
  { bits: 28, window: 123456789n, hardSteps: 128, count: 5890, checksum: '0a0d558d0a28dfdf' },
  { bits: 30, window: 1n << 41n, hardSteps: 128, count: 23602, checksum: 'fcebef4aafc5b6be' },
]

/** For the oracle, which is slow: the same kind of answer at a size that it does in a second. */
const SMALL: readonly KnownWindow[] = [
  { bits: 20, window: 0n, hardSteps: 80, count: 209, checksum: 'ba45e5d9cb449fc2' },
  { bits: 20, window: 1n << 51n, hardSteps: 80, count: 200, checksum: '0e664e96a271f7af' },
]

/** Where there is a GPU. */
const MOST_CHECKS = 3 + SMALL.length + 2 * WINDOWS.length

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly milliseconds: number
}

export const selftest = defineCommand({
  meta: { name: 'selftest', description: 'compute known answers with every engine of this machine' },
  args: { json: shared.json },
  async run({ args }) {
    const checks = await runChecks()
    const wrong = checks.filter((check) => !check.ok)
    if (args.json) printJson({ ok: wrong.length === 0, checks })
    else {
      console.log(
        table(
          ['', 'check', 'found', 'time'],
          checks.map((c) => [c.ok ? 'ok' : 'WRONG', c.name, c.detail, durationText(c.milliseconds)]),
        ),
      )
    }
    if (wrong.length > 0) {
      throw new UserError(
        `${wrong.length} known ${wrong.length === 1 ? 'answer is' : 'answers are'} wrong (${wrong.map((c) => c.name).join('; ')}): ` +
          'do not work with this machine until that is understood; overclocking and failing memory are the usual reasons',
      )
    }
  },
})

async function runChecks(): Promise<Check[]> {
  const bar = lateBar('selftest')
  try {
    return await checksOf((done, name) => bar.update(done / MOST_CHECKS, name))
  } finally {
    bar.stop()
  }
}

async function checksOf(onCheck: (done: number, name: string) => void): Promise<Check[]> {
  const checks: Check[] = []
  const check = async (name: string, expected: string, find: () => Promise<string> | string) => {
    onCheck(checks.length, name)
    const began = performance.now()
    let detail: string
    try {
      detail = await find()
    } catch (error) {
      detail = (error as Error).message
    }
    checks.push({ name, ok: detail === expected, detail, milliseconds: performance.now() - began })
  }
  await check('the path record 319804831', '1414236446719942480', () => trajectory(319804831n).max.toString())
  await check('sigma of 27', '59', () => String((sigma(27n) as { step: number }).step))
  await check('the cycle of 3n-1 through 5', '5 7 10', () => cycleOf(5n))

  const engines: (() => Promise<Engine>)[] = [async () => createExactEngine(), () => openWasmEngine()]
  for (const open of [...engines, gpu]) {
    const engine = await open().catch((error: Error) => error)
    if (engine === null) continue
    if (engine instanceof Error) {
      await check('an engine', 'starts', () => engine.message)
      continue
    }
    for (const known of engine.name === 'exact' ? SMALL : WINDOWS) {
      const name = `${engine.name}: window ${known.window} of 2^${known.bits}, S0 = ${known.hardSteps}`
      await check(name, `${known.count} ${known.checksum}`, () => answer(engine, known))
    }
    await engine.close()
  }
  return checks
}

/** null without a GPU: that is no fault. */
async function gpu(): Promise<Engine | null> {
  try {
    return await openWebgpuEngine({ allowSoftware: process.env.COLLATZ_SOFTWARE_GPU === '1' })
  } catch (error) {
    if ((error as Error).name === 'NoGpu') return null
    throw error
  }
}

async function answer(engine: Engine, { bits, window, hardSteps }: KnownWindow): Promise<string> {
  const partition: Partition = { map: '3n+1', bits, units: 1, leaves: 256, hardSteps }
  const { count, checksum } = await engine.verify({ partition, window, index: 0 })
  return `${count} ${checksumHex(checksum)}`
}

function cycleOf(start: bigint): string {
  const seen: bigint[] = []
  for (let n = start; !seen.includes(n); n = step(n, '3n-1')) seen.push(n)
  const least = seen.indexOf([...seen].sort((a, b) => (a < b ? -1 : 1))[0]!)
  return [...seen.slice(least), ...seen.slice(0, least)].join(' ')
}
