/**
 * `collatz verify FILE` of a certificate: offline, with leaves recomputed on the spot.
 *
 * The rules check the file (certificate/read.ts); the leaves are computed here, as that takes an
 * engine and time.
 */
import { cpuEngine } from '../../kernels/cpu.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { sameSummary } from '../../kernels/result.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import { type Certified, type CertifiedResult, readCertificate } from '../../orbit/rules/certificate/read.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { powerText } from '../../orbit/rules/state/frontier.ts'
import { plainText, shownName } from '../../site/text.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, peakText, printJson } from '../shell/print.ts'

export async function verifyCertificate(
  path: string,
  bytes: Uint8Array,
  options: {
    leaves: number
    units: readonly number[]
    network?: string | undefined
    json?: boolean | undefined
  },
): Promise<void> {
  let certificate: Certified
  try {
    certificate = readCertificate(bytes)
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    throw new UserError(`NOT VALID: ${path}: ${error.message}`, EXIT.refused)
  }
  const { genesis } = certificate
  if (options.network !== undefined && options.network !== genesis.networkId) {
    throw new UserError(`NOT VALID: ${path} is of network ${genesis.networkId}, not ${options.network}`, EXIT.refused)
  }
  const recomputed = await recompute(path, certificate, options)
  report(path, certificate, recomputed, Boolean(options.json))
}

interface LeafId {
  readonly unit: number
  readonly leaf: number
}

/** Leaves drawn here and now, so that no signer could know which. */
function drawnOf(leaves: readonly LeafId[], count: number): LeafId[] {
  const left = [...leaves]
  const drawn: LeafId[] = []
  while (drawn.length < count && left.length > 0) {
    const at = crypto.getRandomValues(new Uint32Array(1))[0]! % left.length
    drawn.push(...left.splice(at, 1))
  }
  return drawn
}

/**
 * Leaves that are contested, those of the units asked for, some of all, and some of units where a
 * result is missing.
 */
function chosenLeaves(certificate: Certified, count: number, whole: readonly number[]): LeafId[] {
  const leavesOf = ([unit, { leaves }]: [number, CertifiedResult]) => (leaves ?? []).map((_, leaf) => ({ unit, leaf }))
  const units = [...certificate.units]
  const silent = units.filter(([, unit]) => unit.silent.length > 0)
  const chosen: LeafId[] = [
    ...certificate.contested.map(({ unit, leaf }) => ({ unit, leaf })),
    ...units.filter(([unit]) => whole.includes(unit)).flatMap(leavesOf),
    ...drawnOf(units.flatMap(leavesOf), count),
    ...drawnOf(silent.flatMap(leavesOf), count),
  ]
  return [...new Map(chosen.map((id) => [`${id.unit} ${id.leaf}`, id])).values()]
}

async function recompute(
  path: string,
  certificate: Certified,
  { leaves: count, units: whole }: { leaves: number; units: readonly number[] },
): Promise<LeafId[]> {
  const { genesis, window, units } = certificate
  const missing = whole.find((unit) => !units.get(unit)?.leaves)
  if (missing !== undefined) throw new UserError(`${path} has no leaves of unit ${missing}`)
  const chosen = chosenLeaves(certificate, count, whole)
  if (chosen.length === 0) return chosen
  if ((window + 1n) << BigInt(genesis.partition.bits) > 1n << 96n) {
    throw new UserError(`${path}: no engine recomputes leaves beyond 2^96: --leaves 0 checks the signatures alone`)
  }
  const engine = cpuEngine(genesis.partition)
  const bar = lateBar('leaves')
  try {
    for (const [i, { unit, leaf }] of chosen.entries()) {
      bar.update(i / chosen.length, `leaf ${leaf} of unit ${unit}`)
      const recomputed = await engine.verifyLeaf({ partition: genesis.partition, window, index: unit }, leaf)
      const signed = units.get(unit)!.leaves![leaf]!
      if (sameSummary(recomputed, signed)) continue
      throw new UserError(
        `NOT VALID: ${path}: leaf ${leaf} of unit ${unit} was signed as ${signed.count} hard numbers, checksum ` +
          `${checksumHex(signed.checksum)}; recomputed it has ${recomputed.count}, checksum ${checksumHex(recomputed.checksum)}. ` +
          'Its signers are wrong: keep the file, it proves it',
        EXIT.refused,
      )
    }
  } finally {
    bar.stop()
    await engine.close()
  }
  return chosen
}

/**
 * What is left to trust of the draws: that the coordinator and half of a roster were not in it
 * together.
 */
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
      recomputed,
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
