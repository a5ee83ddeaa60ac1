/** Small certificates of networks in which things went wrong, as the program would write them: lies, declines, silence, audits. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { type Answer, Forger, type Shown } from './forger.ts'

const partition = { bits: 20, units: 3, leaves: 4, hardSteps: 66, evidence: { flagBits: 0, items: 30 } }
const DEADLINE = 100

/** A lie that no arithmetic but computing the leaf finds out. */
const lie = ({ leaves, items }: Shown): Shown => ({
  leaves: leaves.map((leaf, i) => (i === 2 ? { ...leaf, checksum: leaf.checksum ^ 1n } : leaf)),
  items,
})

export interface Troubled {
  readonly name: string
  readonly forger: Forger
  readonly file: ReturnType<Forger['file']>
  /** What was said in the network and is not in the file. */
  readonly others: readonly Uint8Array[]
}

function plain(replication: number): Troubled {
  const forger = new Forger({ accounts: 9, replication, partition })
  const { quorums, reserves, seed } = forger
  const [lied, declined, late] = quorums as [string[], string[], string[]]
  const answers: Answer[] = [
    ...lied.map((node, i) => forger.answer(0, node, replication > 1 && i === 1 ? lie : undefined)),
    ...(replication > 1 ? reserves[0]!.slice(0, 2).map((node) => forger.answer(0, node, undefined, seed + 20)) : []),
    ...[...declined.slice(1), reserves[1]![0]!].map((node) => forger.answer(1, node)),
    ...late.slice(1).map((node) => forger.answer(2, node)),
    forger.answer(2, reserves[2]![0]!, undefined, seed + DEADLINE),
  ]
  const declines = [[1, declined[0]!]] as const
  const others = [forger.decline(2, late[0]!), forger.decline(1, reserves[1]![1]!), forger.heartbeat(late[0]!)]
  return { name: `N = ${replication}`, forger, file: forger.file(answers, { declines }), others }
}

function adaptive(replication: number): Troubled {
  const forger = new Forger({ accounts: 9, replication, partition, trusted: true })
  const { seed } = forger
  const double = (unit: number, node: string) => forger.honest(unit, node, 60)
  const [alone, exposed, declined] = [0, 1, 2].map((unit) => forger.seatsOf(unit)) as [string[], string[], string[]]
  const one = { ...forger.answer(0, alone[0]!), ...double(0, alone[0]!) }
  const truth = forger.honest(1, exposed[1]!)
  const answers: Answer[] = [
    one,
    { ...forger.answer(1, exposed[0]!), ...lie(double(1, exposed[0]!)) },
    ...exposed.slice(1, replication + 2).map((node) => forger.answer(1, node, undefined, seed + 60)),
    ...declined.slice(1, replication + 1).map((node) => forger.answer(2, node)),
  ]
  const audits = new Map([[0, forger.audits(0, one.leaves)]])
  const others = [...forger.audits(1, truth.leaves), ...forger.audits(0, truth.leaves)].map(({ audit }) => audit)
  const options = { declines: [[2, declined[0]!]] as const, audits, certified: new Map([[1, truth]]) }
  return { name: `adaptive, N = ${replication}`, forger, file: forger.file(answers, options), others }
}

let made: readonly Troubled[] | null = null

/** Made once. */
export function troubled(): readonly Troubled[] {
  made ??= [plain(1), plain(3), adaptive(2), adaptive(3)]
  return made
}

/** As a snapshot carries it: dag-cbor, without leaves where nobody contests and no audit certifies. */
export const asSnapshot = ({ file }: Troubled): Uint8Array =>
  dagCbor.encode({
    ...file,
    units: file.units.map((unit) =>
      unit.audits.length + unit.contested.length > 0 ? unit : { ...unit, leaves: null },
    ),
  })

export const asJson = ({ file }: Troubled): Uint8Array => dagJson.encode(file)
