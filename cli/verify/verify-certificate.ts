/**
 * `collatz verify FILE` of a certificate: offline. The rules verify it (certificate/verify.ts);
 * this file brings engine, randomness and time, and says in three parts what arithmetic shows, what
 * signatures say and who ran the beacon.
 */
import { cpuEngine } from '../../kernels/cpu.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import type { Engine } from '../../kernels/unit.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import type { Certified } from '../../orbit/rules/certificate/read.ts'
import {
  type Verification,
  type VerifyProgress,
  verifyCertificate as verifyBytes,
  type WrongLeaf,
} from '../../orbit/rules/certificate/verify.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { hardInLeaf, LEAST_HARD, provesNothing } from '../../orbit/rules/network/genesis.ts'
import { powerText } from '../../orbit/rules/state/frontier.ts'
import { plainText, shownName } from '../../site/text.ts'
import { interruptible } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { type Bar, lateBar, peakText, printJson } from '../shell/print.ts'

export interface CertificateOptions {
  /** For all of it; one leaf is computed in any case. */
  readonly seconds: number
  /** Units to compute whole, whatever the time. */
  readonly units: readonly number[]
  readonly network?: string | undefined
  readonly json?: boolean | undefined
  readonly signal?: AbortSignal
}

export async function verifyCertificate(path: string, bytes: Uint8Array, options: CertificateOptions): Promise<void> {
  const bar = lateBar('certificate')
  const verification = await verifyShown(path, bytes, options, bar).finally(() => bar.stop())
  if (provesNothing(verification.certified.genesis)) process.exitCode = EXIT.provesNothing
  if (options.json) printJson(jsonOf(verification))
  else console.log(textOf(path, verification))
}

/**
 * Verifies a certificate with this machine's engine, and shows how far it is.
 *
 * @throws {UserError} when it is not valid
 */
export async function verifyShown(
  path: string,
  bytes: Uint8Array,
  { seconds, units, network, signal = interruptible() }: CertificateOptions,
  bar: Bar,
): Promise<Verification> {
  const refuse = (why: string) => new UserError(`NOT VALID: ${path}: ${why}`, EXIT.refused)
  const deadline = performance.now() + seconds * 1000
  let engine: Engine | null = null
  let leaves = 0
  try {
    const verification = await verifyBytes(bytes, {
      engineFor: (partition) => (engine = cpuEngine(partition)),
      hasTime: () => leaves++ === 0 || performance.now() < deadline,
      below: (n) => crypto.getRandomValues(new Uint32Array(1))[0]! % n,
      whole: units,
      accept: (certified) => assertAsked(path, certified, network, units),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      onProgress: (progress) => bar.update(...shareOf(progress)),
      signal,
    })
    const { wrong, baseless } = verification
    if (wrong) throw refuse(wrongText(wrong))
    if (baseless) {
      const { unit, account } = baseless
      throw refuse(
        `unit ${unit} rests on accounts alone whose evidence falls short over their units, as ${account.slice(0, 12)}`,
      )
    }
    return verification
  } catch (error) {
    throw error instanceof RuleError ? refuse(error.message) : error
  } finally {
    await (engine as Engine | null)?.close()
  }
}

/**
 * @throws {UserError} when it is not the certificate that was asked about, or lacks the leaves of a
 * unit
 */
function assertAsked(
  path: string,
  { genesis, units }: Certified,
  network: string | undefined,
  whole: readonly number[],
) {
  if (network !== undefined && network !== genesis.networkId) {
    throw new UserError(`NOT VALID: ${path} is of network ${genesis.networkId}, not ${network}`, EXIT.refused)
  }
  const missing = whole.find((unit) => !units.get(unit)?.leaves)
  if (missing !== undefined) throw new UserError(`${path} has no leaves of unit ${missing}`)
}

/** Reading takes most of the time of a large file, computing leaves most of that of a small one. */
function shareOf({ step, done, total }: VerifyProgress): [share: number, note: string] {
  if (step === 'read') return [(0.4 * done) / total!, `unit ${done + 1} of ${total} read`]
  if (step === 'judge') return [0.4 + (0.4 * done) / total!, `unit ${done + 1} of ${total} judged`]
  return [0.8 + 0.2 * (total ? done / total : 1 - 1 / (done + 1)), `leaf ${done + 1} recomputed`]
}

const wrongText = ({ unit, leaf, signed, computed }: WrongLeaf): string =>
  `leaf ${leaf} of unit ${unit} was signed as ${signed.count} hard numbers, checksum ${checksumHex(signed.checksum)}; ` +
  `recomputed it has ${computed.count}, checksum ${checksumHex(computed.checksum)}. ` +
  'Its signers are wrong: keep the file, it proves it'

/** Of numbers in a sentence: 4,096. */
const figure = (n: number): string => n.toLocaleString('en-US')
const counted = (n: number, word: string): string => `${figure(n)} ${word}${n === 1 ? '' : 's'}`

const LISTED = 20
function listText(all: readonly unknown[]): string {
  const more = all.length - LISTED
  return all.slice(0, LISTED).join(', ') + (more > 0 ? ` and ${more} more (--json lists them)` : '')
}

const silentUnits = ({ units }: Certified): number[] =>
  [...units].flatMap(([unit, { silent }]) => (silent.length > 0 ? [unit] : []))
const auditedUnits = ({ units, genesis }: Certified): number =>
  [...units.values()].filter(({ accounts }) => accounts.length < genesis.body.replication).length

/** Whose word the randomness is. */
export const beaconText = ({ genesis: { body } }: Certified): string =>
  body.beacon.source === 'drand'
    ? 'drand quicknet, run by the League of Entropy: nobody alone can foretell or choose its rounds'
    : 'the founder of this network, alone: who holds the key can foretell every draw and every item of evidence'

function arithmeticText({ certified, ...shown }: Verification): string {
  const { genesis, units, count, checksum, peak } = certified
  const expected = expectedHard(genesis.partition)
  const total = certified.complete
    ? ` (theory: ${expected.mean.toFixed(1)} ± ${expected.standardDeviation.toFixed(1)}, ${deviations(count, expected).toFixed(1)} standard deviations off)`
    : ''
  const caught =
    shown.skippable >= 1000
      ? 'too few to tell whether any work was skipped'
      : `a signer that had skipped ${(shown.skippable / 10).toFixed(1)} % of a unit would have been caught with probability 99.9999 %`
  const peaks =
    shown.leaves > 0
      ? `the peak of each of ${counted(shown.leaves, 'leaf').replace('leafs', 'leaves')} is a hard number`
      : 'the file leaves the leaves out'
  return `  evidence   ${counted(units.size, 'unit')}: ${counted(shown.items, 'item')} sound; ${caught}
  counts     ${figure(count)} hard numbers${total}, checksum ${checksumHex(checksum)}; each unit within 6 standard deviations
  peaks      ${peaks}; the greatest: ${peakText(peak)}
  recomputed ${shown.recomputed.length === 0 ? 'no leaf' : `${figure(shown.recomputed.length)} of ${figure(shown.leaves)} leaves, equal to the bit`}`
}

function signaturesText({ certified }: Verification): string {
  const { genesis, units, draws, accounts } = certified
  const N = genesis.body.replication
  const sizes = draws.map((draw) => draw.accounts)
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
  const rosters = least === most ? `${least}` : `${least} to ${most}`
  const coordinators = [...new Set(draws.map(({ coordinator }) => coordinator.slice(0, 12)))]
  const audited = auditedUnits(certified)
  const agree =
    audited === 0
      ? `each of ${counted(units.size, 'unit')} by ${counted(N, 'equal result')}`
      : `${units.size - audited} units by ${counted(N, 'equal result')}, ${audited} by one result of a trusted account and an audit by ${genesis.body.audit.auditors} others`
  return `  signed     ${agree}, by ${listText(accounts.map(({ name, account }) => `${shownName(name)} (${account.slice(0, 12)})`))}
  drawn      in ${counted(draws.length, 'epoch')} by ${listText(coordinators)} among ${rosters} ${most === 1 ? 'account' : 'accounts'}, more than half of whom had the draw before its round`
}

/** What a file can't show. */
function notShownText(verification: Verification): string {
  const { certified } = verification
  const silent = silentUnits(certified)
  const lines = [
    certified.genesis.body.replication > 1
      ? 'that the accounts belong to different people, or computed apart from one another'
      : 'anything by a second computation: N = 1',
  ]
  if (verification.recomputed.length < verification.leaves)
    lines.push('that the other leaves are right: compute more with --seconds S or --units U,U')
  if (silent.length > 0)
    lines.push(
      `what was left out of units ${listText(silent)}: a seat was silent there; compute them with --units ${silent.slice(0, LISTED).join(',')}`,
    )
  return lines.map((line) => `  not shown  ${line}`).join('\n')
}

function textOf(path: string, verification: Verification): string {
  const { certified } = verification
  const { genesis, window, complete, units } = certified
  const { partition, body } = genesis
  const [start, end] = [window << BigInt(partition.bits), (window + 1n) << BigInt(partition.bits)]
  const about = complete
    ? `every n in [${start}, ${end})`
    : `every n of units ${listText([...units.keys()])} of [${start}, ${end})`
  const verdict = provesNothing(genesis)
    ? `PROVES NOTHING: ${path}: a leaf of this network expects ${hardInLeaf(genesis).toFixed(1)} hard numbers, and below ${LEAST_HARD} nobody need have looked for them.
All else holds:`
    : `VALID: ${path}`
  return `${verdict}
  says       ${about} converges if every smaller one does
  window     ${window} of 2^${partition.bits} numbers, ${powerText(genesis.baseline)} + ${window - genesis.firstWindow} * 2^${partition.bits} onwards
  network    ${genesis.networkId} (${plainText(body.name, 64)}), N = ${body.replication}
What arithmetic shows
${arithmeticText(verification)}
What signatures say
${signaturesText(verification)}
Who ran the beacon
  beacon     ${beaconText(certified)}
${notShownText(verification)}`
}

function jsonOf(verification: Verification) {
  const { certified, recomputed, items, skippable, leaves } = verification
  const { genesis, window, complete, count, checksum, peak, accounts, units, contested, draws } = certified
  const { bits } = genesis.partition
  return {
    ...{
      valid: true,
      provesNothing: provesNothing(verification.certified.genesis),
      network: genesis.networkId,
      window,
      complete,
    },
    ...{ start: window << BigInt(bits), end: (window + 1n) << BigInt(bits), units: units.size },
    arithmetic: {
      ...{
        items,
        skippable: skippable / 1000,
        leaves,
        hardInLeaf: hardInLeaf(genesis),
        count,
        checksum: checksumHex(checksum),
        peak,
      },
      expected: expectedHard(genesis.partition),
      recomputed: recomputed.map(({ unit, leaf }) => ({ unit, leaf })),
    },
    signatures: {
      accounts: accounts.map(({ account, name }) => ({ account, name })),
      ...{ draws, audited: auditedUnits(certified), silent: silentUnits(certified) },
      contested: contested.map(({ unit, leaf }) => ({ unit, leaf })),
    },
    beacon: genesis.body.beacon.source,
  }
}
