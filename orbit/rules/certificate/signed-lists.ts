/**
 * The lists of a certificate that its units rest on, each entry opened: registrations, draws with
 * their witnesses, statements of results. A list knows what has been asked of it, so that none has
 * an entry that nothing rests on.
 */
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { assign, offeredUnits } from '../deal/assignment.ts'
import { type DealtDraw, dealtDraw } from '../deal/canonical-draws.ts'
import { isWitnessed, witnessesIn, witnessesNeeded } from '../deal/witness.ts'
import { drawBody, heartbeatBody, type ResultsBody, resultsBody } from '../message/bodies.ts'
import { openRegistration, type Registration } from '../message/registration.ts'
import { verifyRound } from '../network/beacon.ts'
import { type Genesis, readGenesis } from '../network/genesis.ts'
import { type CertificateFile, parseCertificate } from './format.ts'

/** A list of the file, every entry of which has to be of use. */
export class UsedList<Entry, Key = number> {
  readonly all: readonly Entry[]
  private readonly what: string
  private readonly places: ReadonlyMap<Key, number>
  private readonly used = new Set<number>()

  /** @param keys by which entries are found, in their order, ascending */
  constructor(what: string, all: readonly Entry[], keys: readonly Key[]) {
    mustAscend(what, keys)
    this.what = what
    this.all = all
    this.places = new Map(keys.map((key, i) => [key, i]))
  }

  use(key: Key): Entry | undefined {
    const place = this.places.get(key)
    if (place === undefined) return undefined
    this.used.add(place)
    return this.all[place]
  }

  mustBeUsed(): void {
    if (this.used.size < this.all.length) throw new RuleError(`it has ${this.what} that nothing rests on`)
  }
}

function mustAscend<Key>(what: string, keys: readonly Key[]): void {
  if (keys.some((key, i) => i > 0 && keys[i - 1]! >= key)) throw new RuleError(`its ${what} are not sorted`)
}

/** By pairOf: a node that changed hands between two draws is registered to both accounts. */
export type Registered = UsedList<Registration, string>

export const pairOf = (node: string, account: string): string => `${node} ${account}`

export function readRegistrations(genesis: Genesis, file: CertificateFile, memory: Memory): Registered {
  const all = file.registrations.map((document) => openRegistration(genesis, document, memory))
  return new UsedList(
    'registrations',
    all,
    all.map(({ node, account }) => pairOf(node, account)),
  )
}

export function readStatements(
  genesis: Genesis,
  file: CertificateFile,
  memory: Memory,
): UsedList<Statement<ResultsBody>> {
  const all = file.statements.map((bytes) => {
    const statement = open(bytes, resultsBody, 'a statement of results', memory)
    checkMessage(genesis, statement, memory)
    return statement
  })
  // Found by their places, sorted by their CIDs.
  mustAscend(
    'statements',
    file.statements.map((bytes) => cidOf(bytes).toString()),
  )
  return new UsedList('statements', all, [...all.keys()])
}

/** It is of this network, and no older than the beacon round that it names. */
export function checkMessage(
  genesis: Genesis,
  { body }: Statement<{ network: string; round?: number; beacon?: Uint8Array }>,
  memory: Memory,
): void {
  if (body.network !== genesis.networkId) throw new RuleError('it carries a statement for another network')
  if (body.beacon) verifyRound(genesis.chain, body.round!, body.beacon, memory)
}

/**
 * Just more than half of the accounts on the roster of a draw say that they had it before its
 * beacon round.
 */
function checkWitnesses(
  genesis: Genesis,
  { draw, cid, owners }: DealtDraw,
  statements: readonly Uint8Array[],
  registered: Registered,
  memory: Memory,
): void {
  const { epoch } = draw.body
  const heartbeats = statements.map((bytes) => {
    const heartbeat = open(bytes, heartbeatBody, `a witness of the draw of epoch ${epoch}`, memory)
    const { body, signer } = heartbeat
    checkMessage(genesis, heartbeat, memory)
    if (body.node !== signer) throw new RuleError("a heartbeat in another node's name")
    if (!body.witnessed.some((witnessed) => witnessed.draw === cid)) {
      throw new RuleError(`the draw of epoch ${epoch} has a witness that does not name it`)
    }
    if (!registered.use(pairOf(signer, owners.get(signer) ?? ''))) {
      throw new RuleError(
        `the draw of epoch ${epoch} has a witness that is not on its roster, or not registered as there`,
      )
    }
    return heartbeat
  })
  const nodes = new Set(heartbeats.map(({ signer }) => signer))
  if (!isWitnessed(draw.body, witnessesIn(heartbeats, nodes).get(cid))) {
    throw new RuleError(`the draw of epoch ${epoch} is not witnessed by more than half of its roster`)
  }
  const isSorted = heartbeats.every(({ signer }, i) => i === 0 || heartbeats[i - 1]!.signer < signer)
  if (!isSorted || heartbeats.length > witnessesNeeded(draw.body)) {
    throw new RuleError(`the draw of epoch ${epoch} has more witnesses than it needs, or not in order`)
  }
}

export function readDraws(
  genesis: Genesis,
  file: CertificateFile,
  registered: Registered,
  memory: Memory,
): UsedList<DealtDraw> {
  const all = file.draws.map(({ draw: drawBytes, signature, witnesses }) => {
    const draw = open(drawBytes, drawBody, 'a draw of the certificate', memory)
    if (!genesis.body.coordinators.includes(draw.signer)) throw new RuleError('a draw is not by a coordinator')
    const assignments = assign(genesis, draw.body, signature, offeredUnits(genesis, draw.body), memory)
    const dealt = dealtDraw(draw, signature, assignments)
    checkWitnesses(genesis, dealt, witnesses, registered, memory)
    return dealt
  })
  mustAscend(
    'draws',
    all.map(({ draw }) => draw.body.epoch),
  )
  return new UsedList('draws', all, [...all.keys()])
}

/**
 * The draws that a certificate rests on, dealt anew from its bytes and their beacon rounds. @throws
 * {RuleError}
 */
export function readDealtDraws(fileBytes: Uint8Array, memory: Memory = createMemory()): readonly DealtDraw[] {
  const file = parseCertificate(fileBytes)
  const genesis = readGenesis(file.genesis)
  return readDraws(genesis, file, readRegistrations(genesis, file, memory), memory).all
}
