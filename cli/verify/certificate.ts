import { cpuEngine } from '../../kernels/cpu.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { sameSummary } from '../../kernels/result.ts'
import { type Certified, readCertificate } from '../../orbit/rules/certificate.ts'
import { checksumHex } from '../../orbit/rules/events.ts'
import { powerText } from '../../orbit/rules/frontier.ts'
import { RuleError } from '../../orbit/rules/statement.ts'
import { plainText } from '../../site/text.ts'
import { EXIT, UserError } from '../command.ts'
import { peakText, printJson } from '../print.ts'

export async function verifyCertificate(
  path: string,
  bytes: Uint8Array,
  options: { leaves: number; network?: string | undefined; json?: boolean | undefined },
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
  const recomputed = await recompute(path, certificate, options.leaves)
  report(path, certificate, recomputed, Boolean(options.json))
}

interface LeafId {
  readonly unit: number
  readonly leaf: number
}

/** Computes leaves that are drawn here and now, so that no signer could know which. */
async function recompute(path: string, certificate: Certified, count: number): Promise<LeafId[]> {
  const { genesis, window, units } = certificate
  const all: LeafId[] = [...units].flatMap(([unit, { leaves }]) => (leaves ?? []).map((_, leaf) => ({ unit, leaf })))
  // Where somebody signed something else there is something to decide.
  const chosen: LeafId[] = certificate.contested.map(({ unit, leaf }) => ({ unit, leaf }))
  while (chosen.length < count + certificate.contested.length && all.length > 0) {
    const at = crypto.getRandomValues(new Uint32Array(1))[0]! % all.length
    chosen.push(...all.splice(at, 1))
  }
  if (chosen.length === 0) return chosen
  if ((window + 1n) << BigInt(genesis.partition.bits) > 1n << 96n) {
    throw new UserError(`${path}: no engine recomputes leaves beyond 2^96: --leaves 0 checks the signatures alone`)
  }
  const engine = cpuEngine(genesis.partition)
  try {
    for (const { unit, leaf } of chosen) {
      const own = await engine.verifyLeaf({ partition: genesis.partition, window, index: unit }, leaf)
      const signed = units.get(unit)!.leaves![leaf]!
      if (sameSummary(own, signed)) continue
      throw new UserError(
        `NOT VALID: ${path}: leaf ${leaf} of unit ${unit} was signed as ${signed.count} hard numbers, checksum ` +
          `${checksumHex(signed.checksum)}; recomputed it has ${own.count}, checksum ${checksumHex(own.checksum)}. ` +
          'Its signers are wrong: keep the file, it proves it',
        EXIT.refused,
      )
    }
  } finally {
    await engine.close()
  }
  return chosen
}

/** What is left to trust of the draws: that the coordinator and half of a roster were not in it together. */
function drawsText({ draws }: Certified): string {
  const coordinators = [...new Set(draws.map(({ coordinator }) => coordinator.slice(0, 12)))]
  const sizes = draws.map(({ accounts }) => accounts)
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
  const rosters = least === most ? `${least}` : `${least} to ${most}`
  return `in ${draws.length} ${draws.length === 1 ? 'epoch' : 'epochs'} by ${coordinators.join(', ')} among ${rosters} ${most === 1 ? 'account' : 'accounts'}, more than half of whom had the draw in time`
}

function report(path: string, certificate: Certified, recomputed: readonly LeafId[], json: boolean): void {
  const { genesis, window, complete, count, checksum, peak, accounts, units, contested } = certificate
  const { partition, body } = genesis
  const start = window << BigInt(partition.bits)
  const end = (window + 1n) << BigInt(partition.bits)
  const expected = expectedHard(partition)
  const audited = [...units].filter(([, unit]) => unit.accounts.length < body.replication).map(([unit]) => unit)
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
             ${units.size} ${units.size === 1 ? 'unit' : 'units'}${complete ? ' that are the whole partition' : ''}, each with ${body.replication} equal signed ${body.replication === 1 ? 'result' : 'results'}, committed
             to before they were shown, and its Merkle root${audited.length > 0 ? `;\n             but ${audited.length === units.size ? 'all' : audited.length} of them with one result of a trusted account, and an audit by ${body.audit.auditors} others` : ''}
  drawn      ${drawsText(certificate)}
  hard       ${count} numbers (theory: ${expected.mean.toFixed(1)} ± ${expected.standardDeviation.toFixed(1)}${away}), checksum ${checksumHex(checksum)}
  peak       ${peakText(peak)}
  recomputed ${recomputed.length === 0 ? nothing : recomputed.map(({ unit, leaf }) => `leaf ${leaf} of unit ${unit}`).join(', ')}${recomputed.length > 0 ? ', equal to the bit' : ''}
  by         ${accounts.map(({ name, account }) => `${plainText(name, 40)} (${account.slice(0, 12)})`).join(', ')}`)
}
