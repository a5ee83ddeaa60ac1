/** Reading a certificate (format.ts): whether it holds, from its bytes alone, and what it says. */

import { classes } from '../../../kernels/partition.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import type { DealtDraw } from '../deal/canonical-draws.ts'
import { accountsOn } from '../deal/witness.ts'
import { type Commit, openCommit } from '../message/answers.ts'
import { auditBody, type ResultBody, type RevealBody, revealBody } from '../message/bodies.ts'
import type { Registration } from '../message/registration.ts'
import { dealtUnitKey, type LeafId } from '../message/unit.ts'
import { type Genesis, readGenesis } from '../network/genesis.ts'
import type { Wrong } from '../quorum/dispute.ts'
import { type SettledConviction, type SettledWindow, settledWindow } from '../state/settled-window.ts'
import { type CertificateFile, parseCertificate } from './format.ts'
import { type CarriedRegistrations, checkCarried, pairOf, readCarriedDraws, readRegistrations } from './read-draws.ts'
import { readItem, readUnit, silentSeats } from './read-unit.ts'

/** What a certificate that holds up says. */
export interface Certified {
  readonly genesis: Genesis
  readonly window: bigint
  /** Whether it certifies the whole window, or only the units that it has. */
  readonly complete: boolean
  /** Hard numbers of the units. */
  readonly count: number
  /** mod 2^64 */
  readonly checksum: bigint
  readonly peak: HardSummary['peak']
  /** Whose results certify its units. */
  readonly accounts: readonly Registration[]
  readonly units: ReadonlyMap<number, CertifiedResult>
  /**
   * The draws that dealt its units: who sealed them, and how many accounts were on their rosters.
   */
  readonly draws: readonly {
    readonly epoch: number
    readonly cid: string
    readonly coordinator: string
    readonly accounts: number
  }[]
  /** Leaves on which somebody signed something else: a reader that is not sure computes these. */
  readonly contested: readonly LeafId[]
}

export interface CertifiedResult {
  readonly epoch: number
  readonly result: ResultBody
  /** The leaves as signed; null where the file leaves them out. */
  readonly leaves: readonly HardSummary[] | null
  /** Accounts whose results certify it. */
  readonly accounts: readonly string[]
  /** Accounts whose audit certifies it with the one result. */
  readonly auditors: readonly string[]
  /**
   * Nodes whose turn came before that of the last one in the file, and who are in it with neither a
   * result nor a decline. They may have said nothing, or something that the maker of the file left
   * out: it can't show which.
   */
  readonly silent: readonly string[]
  /** Who is wrong, if the certified leaves are right. */
  readonly wrong: readonly (Wrong & { readonly account: string })[]
}

/**
 * What is remembered of the window that a certificate is about (settled-window.ts).
 *
 * @throws {RuleError} if it is of units
 */
export function settledBy({ genesis, window, complete, units }: Certified): SettledWindow {
  if (!complete) throw new RuleError('it certifies units, not a window')
  const convictions = [...units].flatMap(([unit, { epoch, wrong }]) =>
    wrong.map(
      ({ node, account, reveal, leaf }): SettledConviction => ({
        ...{ account, node, kind: leaf === null ? 'sum' : 'leaf', epoch, window, unit, leaf },
        evidence: [cidOf(reveal.statement.bytes).toString()],
      }),
    ),
  )
  return settledWindow(genesis, window, units.values(), convictions)
}

/**
 * Checks a certificate from the bytes alone, offline: form, signatures, beacon, deal, commits,
 * Merkle roots, quorum. What is left to trust is that the signers computed what they signed;
 * recompute leaves for that.
 *
 * @throws {RuleError} saying what does not hold
 */
export function readCertificate(fileBytes: Uint8Array, memory: Memory = createMemory()): Certified {
  const file = parseCertificate(fileBytes)
  const genesis = readGenesis(file.genesis)
  const window = BigInt(file.window)
  if (window < genesis.firstWindow) throw new RuleError('the window lies below the baseline')
  const registered = readRegistrations(genesis, file, memory)
  const draws = readCarriedDraws(genesis, file, registered, memory)
  const carried: Carried = { genesis, registered, draws, ...readAnswers(genesis, file, memory), memory }
  const signers = new Set<string>()
  const contested: LeafId[] = []
  const units = new Map<number, CertifiedResult>()
  let last = -1
  for (const entry of file.units) {
    const { unit } = entry
    if (unit <= last) throw new RuleError('the units are not sorted')
    last = unit
    const { certified, differing, pairs } = readEntry(entry, carried)
    for (const pair of pairs) signers.add(pair)
    for (const leaf of differing) contested.push({ window, unit, leaf })
    units.set(unit, certified)
  }
  const wanted = classes(genesis.partition).length
  if (file.scope === 'window' && units.size !== wanted) {
    throw new RuleError(`it has ${units.size} units, but the classes of the partition are ${wanted}`)
  }
  const { count, checksum, peak } = settledWindow(genesis, window, units.values(), [])
  return {
    ...{ genesis, window, complete: file.scope === 'window', count, checksum, peak, units, contested },
    accounts: [...registered].flatMap(([pair, registration]) => (signers.has(pair) ? [registration] : [])),
    draws: draws.map(({ epoch, dealt }) => ({
      ...{ epoch, cid: dealt.cid, coordinator: dealt.draw.signer, accounts: accountsOn(dealt.draw.body) },
    })),
  }
}

/** What the units of a file share. */
interface Carried {
  readonly genesis: Genesis
  readonly registered: CarriedRegistrations
  readonly draws: ReturnType<typeof readCarriedDraws>
  readonly reveals: readonly Statement<RevealBody>[]
  /** By dealtUnitKey: the commits that name the unit. */
  readonly commits: ReadonlyMap<string, readonly Commit[]>
  readonly memory: Memory
}

function readAnswers(genesis: Genesis, file: CertificateFile, memory: Memory): Pick<Carried, 'reveals' | 'commits'> {
  const commits = new Map<string, Commit[]>()
  for (const bytes of file.commits) {
    const commit = openCommit(bytes, memory)
    checkCarried(genesis, commit.body, memory)
    for (const [epoch, window, unit] of commit.body.units) {
      const key = dealtUnitKey({ epoch, window, unit })
      commits.set(key, [...(commits.get(key) ?? []), commit])
    }
  }
  const reveals = file.reveals.map((bytes) => {
    const reveal = open(bytes, revealBody, 'a reveal')
    checkCarried(genesis, reveal.body, memory)
    return reveal
  })
  return { commits, reveals }
}

/** @returns pairs: pairOf() of those whose results certify it */
function readEntry(entry: CertificateFile['units'][number], carried: Carried) {
  const { genesis, registered, draws, reveals, commits, memory } = carried
  const { unit } = entry
  const draw = draws[entry.draw]
  const assignment = draw?.units.get(unit)
  if (!draw || !assignment) throw new RuleError(`unit ${unit} was not on offer in the draw that it names`)
  const owner = (node: string) => draw.dealt.owners.get(node)!
  const isRegistered = (node: string) => registered.has(pairOf(node, owner(node)))
  const shown = entry.results.map((result) => {
    const statement = reveals[result.reveal]
    if (!statement) throw new RuleError(`unit ${unit} has a result without its reveal`)
    return readItem(statement, result, assignment)
  })
  if (shown.some(({ node }) => !isRegistered(node))) {
    throw new RuleError(`unit ${unit} is signed by a node whose registration is missing or names another account`)
  }
  const audits = entry.audits.map((bytes) => {
    const audit = open(bytes, auditBody, `an audit of unit ${unit}`)
    checkCarried(genesis, audit.body, memory)
    return audit
  })
  const { leaves, differing, results, auditors, declines, wrong } = readUnit({
    ...{ genesis, assignment, entry, shown, audits, isRegistered, memory },
    commits: commits.get(dealtUnitKey(assignment)) ?? [],
  })
  const certified: CertifiedResult = {
    ...{ epoch: assignment.epoch, result: results[0]!.item.result, leaves },
    accounts: results.map(({ node }) => owner(node)),
    auditors: auditors.map(owner),
    silent: silentSeats(assignment, shown, declines),
    wrong: wrong.map((found) => ({ ...found, account: owner(found.node) })),
  }
  return { certified, differing, pairs: results.map(({ node }) => pairOf(node, owner(node))) }
}

/**
 * The draws that a certificate rests on, dealt anew from its bytes and their beacon rounds.
 *
 * @throws {RuleError}
 */
export function readDealtDraws(fileBytes: Uint8Array, memory: Memory = createMemory()): readonly DealtDraw[] {
  const file = parseCertificate(fileBytes)
  const genesis = readGenesis(file.genesis)
  return readCarriedDraws(genesis, file, readRegistrations(genesis, file, memory), memory).map(({ dealt }) => dealt)
}
