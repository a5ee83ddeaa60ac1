/**
 * `collatz verify NUMBER`: its trajectory, the rule that fires first, and the smaller number that
 * the rule names.
 */
import { type NumberReport, reportNumber } from '../../kernels/number.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, printJson } from '../shell/print.ts'

const RULE_TEXT = {
  D: 'descent: as many halvings outweigh the odd steps',
  M: 'path merge: the value there is also reached from a smaller number',
  O: 'odd-even-even: the path joins that of a smaller number',
  P: 'preimage: it lies on the path of a smaller number',
} as const

export function verifyNumber(n: bigint, json: boolean): void {
  if (n < 1n) throw new UserError('the conjecture is about n >= 1: give a positive whole number', EXIT.usage)
  const bar = lateBar('trajectory')
  let report: NumberReport
  try {
    report = reportNumber(n, '3n+1', undefined, (fraction) => bar.update(fraction, ''))
  } finally {
    bar.stop()
  }
  if (report.candidate) process.exitCode = EXIT.candidate
  // The JSON has had the key `witness` from the start.
  const { smallerNumber, ...rest } = report
  if (json) printJson({ ...rest, witness: smallerNumber })
  else console.log(reportText(report))
}

function reportText({
  n,
  bits,
  trajectory,
  converges,
  verdict,
  smallerNumber,
  preimage,
  candidate,
}: NumberReport): string {
  const fired =
    verdict.kind === 'fired'
      ? `sigma = ${verdict.step}: rule ${verdict.rule} (${RULE_TEXT[verdict.rule]})`
      : `no rule fires within ${verdict.steps} steps`
  const lines = [
    `${n} (${bits} bits) ${converges ? 'converges: it reaches 1' : candidate ? 'IS A CANDIDATE for a counterexample' : 'was not followed to 1'}`,
    `  steps      ${trajectory.steps} of T, ${trajectory.oddSteps} of them odd (${trajectory.steps + trajectory.oddSteps} without the shortcut)`,
    `  glide      ${trajectory.glide === null ? 'it never falls below itself' : `first below itself after ${trajectory.glide} steps`}`,
    `  greatest   ${trajectory.max}`,
    `  verdict    ${fired}`,
  ]
  if (smallerNumber)
    lines.push(
      `  meets      ${smallerNumber.smaller}, which is smaller: both trajectories were walked to where they join`,
    )
  if (preimage) lines.push(`  rule P     ${n} is ${n % 9n} mod 9: it lies on the path of ${preimage.smaller}`)
  return lines.join('\n')
}
