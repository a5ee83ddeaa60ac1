/**
 * How old a registration is. The beacon round in it says that it is no older; that it is no younger, only who was there can
 * tell: a key made today can name a round of last year. So each node remembers at which round a registration reached it, and
 * for a draw it counts from then on. Nodes hear of it at different rounds, a grace apart if they are connected (coordinators.ts):
 * by so much a draw may have it earlier than this node would, and by an epoch later, since its coordinator may have been cut
 * off. Who was not listening when it came knows that it is no younger than that, and no more.
 */
import { seedRound } from '../deal/assignment.ts'
import { graceRounds } from '../deal/coordinators.ts'
import type { Genesis } from '../network/genesis.ts'
import type { State } from '../state/state.ts'

/** The rounds between which a registration reached the nodes of a network, as far as one of them can tell. */
export interface Arrival {
  readonly earliest: number
  readonly likely: number
  readonly latest: number
}

/** null: longer ago than anybody asks, or known to be as old as its round says. */
export type Arrivals = (node: string, account: string) => Arrival | null
export const LONG_AGO: Arrivals = () => null

/** @param round the one that it names */
export function heardLive(genesis: Genesis, round: number, at: number): Arrival {
  const grace = graceRounds(genesis)
  return { earliest: Math.max(round, at - grace), likely: Math.max(round, at), latest: at + grace }
}

/** Among all that came when a node began to listen: it may be as old as it says, and is not taken for it before long. */
export const heardLate = (genesis: Genesis, round: number, at: number): Arrival => ({
  ...{ earliest: round, likely: Math.max(round, at), latest: Math.max(round, at) + graceRounds(genesis) },
})

/** For how many rounds an arrival can matter: then it is old enough for any draw to come. */
export const remembersArrivals = (genesis: Genesis): number => 3 * genesis.body.epoch.rounds + 2 * graceRounds(genesis)

/** The latest round at which a node may have registered to be dealt to in an epoch. Founders need not have. */
export const registeredBy = (genesis: Genesis, epoch: number): number =>
  seedRound(genesis, epoch) - genesis.body.epoch.rounds

/** Whether a node registered to an account too late for the draw of an epoch, whatever the registration says. */
export function isTooYoung(
  genesis: Genesis,
  arrivals: Arrivals,
  epoch: number,
  { node, account }: { node: string; account: string },
): boolean {
  if (genesis.body.founders.some((founder) => founder.node === node)) return false
  return (arrivals(node, account)?.earliest ?? 0) > registeredBy(genesis, epoch)
}

/**
 * The state without nodes that registered too late for the draw of an epoch: nothing follows for those from what they say.
 *
 * @param reckoning by which of the rounds between which their registrations arrived
 * @param keep      nodes that stay in it all the same
 */
export function withoutYoung(
  state: State,
  arrivals: Arrivals,
  epoch: number,
  reckoning: keyof Arrival,
  keep: Pick<ReadonlySet<string>, 'has'> = new Set(),
): State {
  const { genesis } = state
  const by = registeredBy(genesis, epoch)
  const founders = new Set(genesis.body.founders.map(({ node }) => node))
  const nodes = [...state.nodes].filter(([node, { account }]) => {
    const arrival = founders.has(node) || keep.has(node) ? null : arrivals(node, account)
    return arrival === null || arrival[reckoning] <= by
  })
  return nodes.length === state.nodes.size ? state : { ...state, nodes: new Map(nodes) }
}
