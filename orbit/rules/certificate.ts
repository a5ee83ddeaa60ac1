/**
 * The certificate of a window: one canonical dag-json file with all that a stranger needs to be convinced, and nothing
 * else. Format 1:
 *
 *   format         "collatz-window-certificate"
 *   version        1
 *   genesis        bytes   the signed genesis block; its CID is the network id
 *   window         string  w, decimal: the certificate is about [w*2^W, (w+1)*2^W)
 *   registrations  [{ registration, consent }]  of every node in `units`, sorted by node key
 *   draws          [{ draw, signature }]  the sealed draws and the beacon signature of R(epoch), sorted by epoch
 *   units          one a class of the partition, in order:
 *                  { draw: index into draws, results: N statements in the deal's order, leaves: 64-byte records,
 *                    declines: statements that let the reserve answer before the deadline; empty if none was needed }
 *
 * `bytes` are dag-cbor statements (statement.ts). The file must be the canonical encoding of what it says, so every
 * byte of it is either checked or signed. https://ipld.io/specs/codecs/dag-json/spec/
 */
import * as dagJson from '@ipld/dag-json'
import { z } from 'zod'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { decodeLeaf, LEAF_BYTES, summarize } from '../../kernels/result.ts'
import type { HardSummary } from '../../kernels/unit.ts'
import { openRegistration, type Registration } from './admit.ts'
import { type Assignment, assign } from './assignment.ts'
import { verifyRound } from './beacon.ts'
import {
  checksumHex,
  type DeclineBody,
  declineBody,
  drawBody,
  type ResultBody,
  registrationDocument,
  resultBody,
  resultKey,
} from './events.ts'
import { type Genesis, readGenesis } from './genesis.ts'
import { mayAnswer } from './seats.ts'
import { declinesOf, type State } from './state.ts'
import { equalBytes, field, open, RuleError, type Statement } from './statement.ts'

const certificateFile = z.strictObject({
  format: z.literal('collatz-window-certificate'),
  version: z.literal(1),
  genesis: field.blob,
  window: z.string().regex(/^(0|[1-9][0-9]{0,40})$/),
  registrations: z.array(registrationDocument).min(1),
  draws: z.array(z.strictObject({ draw: field.blob, signature: field.blob })).min(1),
  units: z.array(
    z.strictObject({
      draw: z.number().int().min(0),
      results: z.array(field.blob).min(1),
      declines: z.array(field.blob),
      leaves: field.blob,
    }),
  ),
})
type CertificateFile = z.infer<typeof certificateFile>

/** What a certificate that holds up says. */
export interface CertifiedWindow {
  readonly genesis: Genesis
  readonly window: bigint
  /** Hard numbers of the window. */
  readonly count: number
  /** mod 2^64 */
  readonly checksum: bigint
  readonly peak: HardSummary['peak']
  readonly accounts: readonly Registration[]
  /** By unit: the leaves as signed. */
  readonly leaves: readonly (readonly HardSummary[])[]
}

/**
 * @param leavesOfUnit the raw leaf records of a unit, as its result's `leaves` CID names them
 * @param registrationOf the registration document of a node
 */
export function writeCertificate(
  state: State,
  window: bigint,
  leavesOfUnit: (result: ResultBody) => Uint8Array,
  registrationOf: (node: string) => z.infer<typeof registrationDocument>,
): Uint8Array {
  const known = state.windows.get(window)
  if (!known?.complete) throw new RuleError(`window ${window} is not certified yet`)
  const units = [...known.certified].sort(([a], [b]) => a - b).map(([, unit]) => unit)
  const epochs = [...new Set(units.map((unit) => unit.assignment.epoch))].sort((a, b) => a - b)
  const nodes = [...new Set(units.flatMap((unit) => unit.results.map((result) => result.signer)))].sort()
  const file: CertificateFile = {
    format: 'collatz-window-certificate',
    version: 1,
    genesis: state.genesis.bytes,
    window: window.toString(),
    registrations: nodes.map(registrationOf),
    draws: epochs.map((epoch) => {
      const { draw, signature } = state.draws.get(epoch)!
      return { draw: draw.bytes, signature }
    }),
    units: units.map(({ assignment, results }) => ({
      draw: epochs.indexOf(assignment.epoch),
      results: results.map((result) => result.bytes),
      declines: declinesNeeded(state, assignment, results).map((decline) => decline.bytes),
      leaves: leavesOfUnit(results[0]!.body),
    })),
  }
  return dagJson.encode(file)
}

/** Those that the reserve's results rest on, where no deadline had passed. */
function declinesNeeded(
  { genesis, declines }: State,
  assignment: Assignment,
  results: readonly Statement<ResultBody>[],
): Statement<DeclineBody>[] {
  const early = ({ signer, body }: Statement<ResultBody>) =>
    !mayAnswer(genesis, assignment, signer, body.overtime?.round ?? null, 0)
  return results.some(early) ? declinesOf(assignment, declines) : []
}

/**
 * Checks a certificate from the bytes alone, offline: form, signatures, beacon, deal, Merkle roots, and that its units
 * are the whole partition of the window. What is left to trust is that the signers computed what they signed; recompute
 * leaves for that.
 *
 * @throws {RuleError} saying what does not hold
 */
export function readCertificate(fileBytes: Uint8Array): CertifiedWindow {
  const file = parse(fileBytes)
  const genesis = readGenesis(file.genesis)
  const window = BigInt(file.window)
  if (window < genesis.firstWindow) throw new RuleError('the window lies below the baseline')

  const nodes = new Map<string, Registration>()
  for (const document of file.registrations) {
    const registration = openRegistration(genesis, document)
    const last = [...nodes.keys()].at(-1)
    if (last !== undefined && last >= registration.node) throw new RuleError('the registrations are not sorted')
    nodes.set(registration.node, registration)
  }

  let lastEpoch = 0
  const draws = file.draws.map(({ draw: drawBytes, signature }) => {
    const draw = open(drawBytes, drawBody, 'a draw of the certificate')
    if (!genesis.body.coordinators.includes(draw.signer)) throw new RuleError('a draw is not by a coordinator')
    if (draw.body.epoch <= lastEpoch) throw new RuleError('the draws are not sorted')
    lastEpoch = draw.body.epoch
    const assignments = assign(genesis, draw.body, signature)
    return {
      epoch: draw.body.epoch,
      roster: new Map(draw.body.roster.map((entry) => [entry.node, entry.account])),
      units: new Map(assignments.filter((a) => a.window === window).map((a) => [a.unit, a])),
    }
  })

  const unitsWanted = classes(genesis.partition).length
  if (file.units.length !== unitsWanted) {
    throw new RuleError(`it has ${file.units.length} units, but the classes of the partition are ${unitsWanted}`)
  }
  const usedDraws = new Set<number>()
  const usedNodes = new Set<string>()
  const units = file.units.map(({ draw: at, results, declines, leaves }, unit) => {
    const draw = draws[at]
    const assignment = draw?.units.get(unit)
    if (!draw || !assignment) throw new RuleError(`unit ${unit} was not on offer in the draw that it names`)
    usedDraws.add(at)
    const statements = results.map((result) => open(result, resultBody, `a result of unit ${unit}`))
    const declined = declines.map((decline) => open(decline, declineBody, `a decline of unit ${unit}`))
    checkQuorum(genesis, assignment, statements, declined)
    for (const { signer } of statements) {
      usedNodes.add(signer)
      if (nodes.get(signer)?.account !== draw.roster.get(signer)) {
        throw new RuleError(`unit ${unit} is signed by a node whose registration is missing or names another account`)
      }
    }
    return readLeaves(genesis, unit, statements[0]!.body, leaves)
  })
  if (usedDraws.size !== draws.length) throw new RuleError('it carries a draw that none of its units is from')
  if (usedNodes.size !== nodes.size) throw new RuleError('it carries a registration that none of its results needs')

  const total = summarize(units.flat())
  return {
    genesis,
    window,
    count: total.count,
    checksum: total.checksum,
    peak: total.peak,
    accounts: [...nodes.values()],
    leaves: units,
  }
}

function parse(fileBytes: Uint8Array): CertificateFile {
  let value: unknown
  try {
    value = dagJson.decode(fileBytes)
  } catch {
    throw new RuleError('it is not a dag-json file')
  }
  const parsed = certificateFile.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new RuleError(
      `it is not a window certificate of format 1: ${issue?.path.join('.') || 'file'}: ${issue?.message}`,
    )
  }
  if (!equalBytes(dagJson.encode(parsed.data), fileBytes)) throw new RuleError('it is not in canonical form')
  return parsed.data
}

/** N equal results of nodes that may answer for the unit, in the order of their seats. */
function checkQuorum(
  genesis: Genesis,
  assignment: Assignment,
  results: readonly Statement<ResultBody>[],
  declines: readonly Statement<DeclineBody>[],
): void {
  const { epoch, window, unit } = assignment
  const isAbout = (body: ResultBody | DeclineBody) =>
    body.network === genesis.networkId &&
    body.window === window.toString() &&
    body.unit === unit &&
    body.epoch === epoch
  if (results.length !== genesis.body.replication) {
    throw new RuleError(`unit ${unit} has ${results.length} results; the network asks for ${genesis.body.replication}`)
  }
  if (![...results, ...declines].every(({ body }) => isAbout(body))) {
    throw new RuleError(`unit ${unit} has a statement about another unit or another network`)
  }
  checkSeats(assignment, results, 'results')
  checkSeats(assignment, declines, 'declines')
  let needed = false
  for (const { signer, body } of results) {
    if (resultKey(body) !== resultKey(results[0]!.body)) throw new RuleError(`unit ${unit} has results that differ`)
    if (body.overtime) verifyRound(genesis.chain, body.overtime.round, body.overtime.beacon)
    const proven = mayAnswer(genesis, assignment, signer, body.overtime?.round ?? null, 0)
    needed ||= !proven
    if (!proven && !mayAnswer(genesis, assignment, signer, null, declines.length)) {
      throw new RuleError(`unit ${unit} has a result of a node of the reserve whose turn had not come`)
    }
  }
  if (!needed && declines.length > 0) throw new RuleError(`unit ${unit} carries declines that it does not need`)
}

/** Each by another node that the deal names, in the order of the deal. */
function checkSeats(
  { quorum, reserve, unit }: Assignment,
  statements: readonly { signer: string }[],
  what: string,
): void {
  const seats = [...quorum, ...reserve]
  let last = -1
  for (const { signer } of statements) {
    const seat = seats.indexOf(signer)
    if (seat === -1) throw new RuleError(`unit ${unit} has ${what} of a node that the deal does not name`)
    if (seat <= last) throw new RuleError(`unit ${unit} has ${what} that are not in the order of the deal`)
    last = seat
  }
}

/** The leaves behind a result: their number, their Merkle root and their sums. */
export function readLeaves(genesis: Genesis, unit: number, result: ResultBody, records: Uint8Array): HardSummary[] {
  const wanted = leavesOf(genesis.partition, unit).length
  if (records.length !== wanted * LEAF_BYTES) throw new RuleError(`unit ${unit} does not list its ${wanted} leaves`)
  const leaves = Array.from({ length: wanted }, (_, i) => {
    try {
      return decodeLeaf(records.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES))
    } catch {
      throw new RuleError(`unit ${unit} has an ill-formed leaf ${i}`)
    }
  })
  const total = summarize(leaves)
  if (!equalBytes(total.root, result.root)) throw new RuleError(`unit ${unit} has leaves that are not those signed`)
  if (
    total.count !== result.count ||
    checksumHex(total.checksum) !== result.checksum ||
    total.peak?.n.toString() !== result.peak?.n ||
    total.peak?.value.toString() !== result.peak?.value
  ) {
    throw new RuleError(`unit ${unit} has a result that is not the sum of its leaves`)
  }
  return leaves
}
