/**
 * `collatz verify FILE` of a certificate: offline, with leaves recomputed on the spot.
 *
 * The rules check the file (certificate/read.ts); the leaves are computed here, as that takes an
 * engine and time.
 */
import { cpuEngine } from '../../kernels/cpu.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import type { Engine } from '../../kernels/unit.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import type { Certified } from '../../orbit/rules/certificate/read.ts'
import {
  isWithinEngines,
  judgeCertificate,
  leavesToRecompute,
  type WrongLeaf,
} from '../../orbit/rules/certificate/recompute.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import type { LeafId } from '../../orbit/rules/message/unit.ts'
import { powerText } from '../../orbit/rules/state/frontier.ts'
import { plainText, shownName } from '../../site/text.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, peakText, printJson } from '../shell/print.ts'

export async function verifyCertificate(path: string, bytes: Uint8Array, options: Options): Promise<void> {
  let engine: Engine | null = null
  const bar = lateBar('leaves')
  const judge = () =>
    judgeCertificate(bytes, (partition) => (engine = cpuEngine(partition)), {
      leavesOf: (certified) => leavesOf(path, certified, options),
      onLeaf: ({ unit, leaf }, done, total) => bar.update(done / total, `leaf ${leaf} of unit ${unit}`),
    })
  const { certified, recomputed, wrong } = await judge()
    .catch((error: unknown) => {
      if (!(error instanceof RuleError)) throw error
      throw new UserError(`NOT VALID: ${path}: ${error.message}`, EXIT.refused)
    })
    .finally(async () => {
      bar.stop()
      await engine?.close()
    })
  if (wrong) throw new UserError(`NOT VALID: ${path}: ${wrongText(wrong)}`, EXIT.refused)
  report(path, certified, recomputed, Boolean(options.json))
}

interface Options {
  readonly leaves: number
  readonly units: readonly number[]
  readonly network?: string | undefined
  readonly json?: boolean | undefined
}

/** Which leaves to compute. @throws {UserError} when it is not the certificate that was asked about, or they can't be */
function leavesOf(path: string, certified: Certified, { network, leaves, units: whole }: Options): LeafId[] {
  const { genesis, window, units } = certified
  if (network !== undefined && network !== genesis.networkId) {
    throw new UserError(`NOT VALID: ${path} is of network ${genesis.networkId}, not ${network}`, EXIT.refused)
  }
  const missing = whole.find((unit) => !units.get(unit)?.leaves)
  if (missing !== undefined) throw new UserError(`${path} has no leaves of unit ${missing}`)
  const chosen = leavesToRecompute(certified, { sample: leaves, whole, below: randomBelow })
  if (chosen.length > 0 && !isWithinEngines(genesis.partition, window)) {
    throw new UserError(`${path}: no engine recomputes leaves beyond 2^96: --leaves 0 checks the signatures alone`)
  }
  return chosen
}

/** Drawn here and now, so that no signer could know which. */
const randomBelow = (n: number): number => crypto.getRandomValues(new Uint32Array(1))[0]! % n

const wrongText = ({ unit, leaf, signed, computed }: WrongLeaf): string =>
  `leaf ${leaf} of unit ${unit} was signed as ${signed.count} hard numbers, checksum ${checksumHex(signed.checksum)}; ` +
  `recomputed it has ${computed.count}, checksum ${checksumHex(computed.checksum)}. ` +
  'Its signers are wrong: keep the file, it proves it'

/** What is left to trust of the draws: that the coordinator and half of a roster were not in it together. */
function drawsText({ draws }: Certified): string {
  const coordinators = [...new Set(draws.map(({ coordinator }) => coordinator.slice(0, 12)))]
  const sizes = draws.map(({ accounts }) => accounts)
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
  const rosters = least === most ? `${least}` : `${least} to ${most}`
  return `in ${draws.length} ${draws.length === 1 ? 'epoch' : 'epochs'} by ${coordinators.join(', ')} among ${rosters} ${most === 1 ? 'account' : 'accounts'}, more than half of whom had the draw in time`
}

const LISTED = 20

function listText(all: readonly unknown[]): string {
  const more = all.length - LISTED
  return all.slice(0, LISTED).join(', ') + (more > 0 ? ` and ${more} more (--json lists them)` : '')
}

const leavesText = (leaves: readonly LeafId[]) =>
  listText(leaves.map(({ unit, leaf }) => `leaf ${leaf} of unit ${unit}`))

/** What a file can't show is what was left out of it. */
const silentText = (units: readonly number[]) =>
  `  silent     units ${listText(units)}: somebody whose turn it was is in the file with neither a result nor a decline.
             If you don't trust where you have the file from, compute these yourself: --units ${units.slice(0, LISTED).join(',')}`

function report(path: string, certificate: Certified, recomputed: readonly LeafId[], json: boolean): void {
  const { genesis, window, complete, count, checksum, peak, accounts, units, contested } = certificate
  const { partition, body } = genesis
  const start = window << BigInt(partition.bits)
  const end = (window + 1n) << BigInt(partition.bits)
  const expected = expectedHard(partition)
  const audited = [...units].filter(([, unit]) => unit.accounts.length < body.replication).map(([unit]) => unit)
  const silent = [...units].filter(([, unit]) => unit.silent.length > 0).map(([unit]) => unit)
  if (json) {
    printJson({
      valid: true,
      network: genesis.networkId,
      window,
      start,
      end,
      complete,
      units: units.size,
      draws: certificate.draws,
      audited: audited.length,
      leaves: [...units.values()].reduce((sum, { leaves }) => sum + (leaves?.length ?? 0), 0),
      contested: contested.map(({ unit, leaf }) => ({ unit, leaf })),
      silent,
      count,
      checksum: checksumHex(checksum),
      peak,
      expected,
      accounts: accounts.map(({ account, name }) => ({ account, name })),
      recomputed: recomputed.map(({ unit, leaf }) => ({ unit, leaf })),
    })
    return
  }
  const without = [...units.values()].every(({ leaves }) => leaves === null)
  const nothing = without ? 'nothing: the file leaves the leaves out' : 'nothing (--leaves 0)'
  const away =
    expected.standardDeviation > 0 ? `, ${deviations(count, expected).toFixed(1)} standard deviations off` : ''
  console.log(`VALID: ${path}
  says       ${complete ? `every n in [${start}, ${end}) converges if every smaller one does` : `every n of units ${[...units.keys()].join(', ')} of [${start}, ${end}) converges if every smaller one does`}
  window     ${window} of 2^${partition.bits} numbers, ${powerText(genesis.baseline)} + ${window - genesis.firstWindow} * 2^${partition.bits} onwards
  network    ${genesis.networkId} (${plainText(body.name, 64)}), N = ${body.replication}, beacon ${body.beacon.source}
  checked    genesis, ${accounts.length} ${accounts.length === 1 ? 'registration' : 'registrations'}, draws, beacon signatures and the deal;
             ${units.size} ${units.size === 1 ? 'unit' : 'units'}${complete ? ' (the whole partition)' : ''}, each with ${body.replication} equal signed ${body.replication === 1 ? 'result' : 'results'}, committed
             to before they were shown, and its Merkle root${audited.length > 0 ? `;\n             but ${audited.length === units.size ? 'all' : audited.length} of them with one result of a trusted account, and an audit by ${body.audit.auditors} others` : ''}
  drawn      ${drawsText(certificate)}
${silent.length > 0 ? `${silentText(silent)}\n` : ''}  hard       ${count} numbers (theory: ${expected.mean.toFixed(1)} ± ${expected.standardDeviation.toFixed(1)}${away}), checksum ${checksumHex(checksum)}
  peak       ${peakText(peak)}
  recomputed ${recomputed.length === 0 ? nothing : leavesText(recomputed)}${recomputed.length > 0 ? ', equal to the bit' : ''}
  by         ${accounts.map(({ name, account }) => `${shownName(name)} (${account.slice(0, 12)})`).join(', ')}`)
}
