import type { Genesis } from '../network/genesis.ts'
import { graceRounds, registeredBy } from '../network/schedule.ts'
import type { State } from '../state/state.ts'

/**
 * The rounds between which a registration reached the nodes of a network, as far as one of them can
 * tell.
 */
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

/**
 * Among all that came when a node began to listen: it may be as old as it says, and is not taken
 * for it before long.
 */
export const heardLate = (genesis: Genesis, round: number, at: number): Arrival => ({
  ...{ earliest: round, likely: Math.max(round, at), latest: Math.max(round, at) + graceRounds(genesis) },
})

/**
 * Whether a node registered to an account too late for the draw of an epoch, whatever the
 * registration says.
 */
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
 * The state without nodes that registered too late for the draw of an epoch: nothing follows for
 * those from what they say.
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
