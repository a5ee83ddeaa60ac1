/**
 * Faults planted in the kernel's source are caught by the known answers that every worker computes
 * at its start.
 */
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { compileKernel, kernelSources } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { checkKnownAnswers } from '../../kernels/wasm/known-answers.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

let sources: Map<string, string>
beforeAll(() => {
  sources = kernelSources()
})

/** The kernel with one place of one file changed. */
async function withFault(file: string, from: string, to: string): Promise<Kernel> {
  const source = sources.get(file)!
  expect(source.split(from)).toHaveLength(2)
  const binary = await compileKernel(new Map(sources).set(file, source.replace(from, to)))
  return new Kernel(new WebAssembly.Module(binary))
}

test('without a fault the answers are right', async () => {
  checkKnownAnswers(new Kernel(new WebAssembly.Module(await compileKernel(sources))))
})

const faults: [name: string, file: string, from: string, to: string][] = [
  ['one wrong table entry', 'tables.ts', '| (v << SCALE), JUMPS)', '| ((v ^ u64(x == 12345)) << SCALE), JUMPS)'],
  [
    'one wrong bit of the look-ahead',
    'tables.ts',
    'store<u64>(word, load<u64>(word, LOOKAHEAD) |',
    'if (x != 4321) store<u64>(word, load<u64>(word, LOOKAHEAD) |',
  ],
  ['a skipped bottom node', 'bottom.ts', 'p < n; p += 32', 'p < n; p += p == 320 ? 64 : 32'],
  ['a dip off by one step', 'rules.ts', 'max(dip, STEP * (j + 1) - ODD * f)', 'max(dip, STEP * (j + 2) - ODD * f)'],
  ['a carry lost in the tree', 'tree.ts', '(oh >> 1) + u64(dl <= ol)', '(oh >> 1)'],
  [
    'a carry lost in exact arithmetic',
    'exact.ts',
    'const carry = u64(a < l) + u64(a1 < a)',
    'const carry = u64(a1 < a)',
  ],
  ['a carry lost between limbs', 'wide.ts', '((high >> W) * m + (t >> LIMB))', '((high >> W) * m)'],
  ['a wrong mod 9 mask', 'tables.ts', 'z != 2 && z != 4 && z != 5 && z != 8', 'z != 2 && z != 4 && z != 5 && z != 7'],
  ['an unreported overflow', 'wide.ts', 'const LIMIT: i32 = 55', 'const LIMIT: i32 = 63'],
  [
    'evens miscounted at the edge of a look-ahead',
    'tables.ts',
    'lookahead(0, 0, 0, 0, -1, 0, 0, 0)',
    'lookahead(0, 0, 0, 0, 0, 0, 0, 0)',
  ],
  [
    'evens miscounted at the edge of a jump',
    'tables.ts',
    'jumps(0, 0, 0, 0, -1, 0, 0, 0)',
    'jumps(0, 0, 0, 0, 0, 0, 0, 0)',
  ],
  ['a threshold too high', 'tree.ts', 'if (state >= threshold)', 'if (state >= threshold + (<u64>100 << 32))'],
  ['a rule forgotten', 'exact.ts', 'if (run == 2) break // O', ''],
  ['a flag that is not immortal', 'tables.ts', 'STEP * W + IMMORTAL', 'STEP * W'],
  ['one tier of evidence that is not marked', 'jumps.ts', 'if (step1) mark()', ''],
  ['a tier that is marked a jump late', 'jumps.ts', 'FLAGGED_AGAIN: i32 = 6', 'FLAGGED_AGAIN: i32 = 7'],
  ['a flag looked for a step late', 'exact.ts', 'if (k == stop) {', 'if (k == stop + 1) {'],
  ['a wrong round of SHA-256', 'sha256.ts', '0x428a2f98', '0x428a2f99'],
  ['a step miscounted', 'exact.ts', 'min(k, SIGMA_CAP)', 'min(k + 1, SIGMA_CAP)'],
]
for (const [name, ...fault] of faults) {
  test(`${name} is caught`, async () => {
    const kernel = await withFault(...fault)
    expect(() => checkKnownAnswers(kernel)).toThrow('miscalculates')
  })
}
