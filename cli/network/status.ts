/**
 * `collatz status`: the network at a glance, for people and for scripts.
 *
 * A running node makes the same summary of its own state, which spares the command checking all
 * documents again.
 */
import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import type { Home } from '../../orbit/node/home/home.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { frontierSentence, frontierText } from '../../orbit/rules/state/frontier.ts'
import { unitsCertified } from '../../orbit/rules/state/windows.ts'
import { plainText, shownName } from '../../site/text.ts'
import { shared } from '../shell/command.ts'
import { printJson, rateText, table } from '../shell/print.ts'
import { readStored, type Source } from './state-source.ts'

export const status = defineCommand({
  meta: { name: 'status', description: 'network, frontier, windows, units, peers, rate: all from signed documents' },
  args: { ...shared },
  async run({ args }) {
    const view = await readStatus(openHome(homeDirectory(args.data)))
    if (args.json) return printJson(view)
    console.log(statusText(view))
  },
})

/** A running node has its state from the same documents already, and checks none of them twice. */
async function readStatus(home: Home): Promise<Status> {
  const stored = readStored(home)
  return stored ? statusOf(stored) : JSON.parse(await askNode<string>(home.directory, 'status'))
}

export type Status = ReturnType<typeof statusOf>

/** The same for scripts. Numbers of the mathematics are decimal strings. */
export function statusOf({ state, unitsPerWindow, live }: Pick<Source, 'state' | 'unitsPerWindow' | 'live'>) {
  const { genesis, frontier } = state
  const { body } = genesis
  return {
    network: {
      id: genesis.networkId,
      name: body.name,
      map: body.partition.map,
      replication: body.replication,
      beacon: body.beacon.source,
      beaconChain: body.beacon.hash,
      beaconRound: live?.round ?? null,
      genesis_timestamp: body.genesis_timestamp,
      windowBits: body.partition.bits,
      unitsPerWindow,
    },
    frontier: {
      below: frontier.below.toString(),
      text: frontierText(genesis, frontier),
      sentence: frontierSentence(genesis, frontier),
      windows: frontier.windows,
      beyond: frontier.beyond.map(String),
    },
    windows: [...state.windows.values()].map((w) => ({
      window: w.window.toString(),
      units: unitsPerWindow,
      certified: unitsCertified(w),
      disputed: w.disputed.size,
      complete: w.complete,
    })),
    units: {
      certified: [...state.windows.values()].reduce((sum, w) => sum + unitsCertified(w), 0),
      results: [...state.evidence.units.values()].reduce((sum, { reveals }) => sum + reveals.size, 0),
      refused: state.refused,
    },
    convictions: state.convictions.map(({ account, node, kind, epoch, window, unit, leaf }) => ({
      ...{ account, node, kind, epoch, window: window.toString(), unit, leaf },
    })),
    equivocations: state.equivocations.map(({ coordinator, epoch }) => ({ coordinator, epoch })),
    accounts: state.accounts,
    nodes: state.nodes.size,
    running: live !== null,
    node: live && { peerId: live.peerId, addresses: live.addresses, working: live.working, refused: live.refused },
    draws: live && {
      witnessed: live.verdicts.filter(({ fault }) => fault === null).length,
      refused: live.verdicts.filter(({ fault }) => fault !== null),
    },
    peers: live?.peers ?? [],
    rate: live?.rate ?? null,
  }
}

function statusText({ network, frontier, windows, units, draws, node, ...rest }: Status): string {
  const beacon =
    network.beacon === 'local'
      ? 'local: signed by the founder alone, who is trusted not to rig draws'
      : `drand quicknet (chain ${network.beaconChain.slice(0, 16)}…)`
  const lines = [
    frontier.sentence,
    '',
    `network   ${network.id} (${plainText(network.name, 64)}), N = ${network.replication}`,
    `beacon    ${beacon}`,
  ]
  const current = windows.find((w) => !w.complete)
  if (current) {
    const working = node?.working ? `, unit ${node.working.unit} at ${Math.floor(node.working.fraction * 100)} %` : ''
    lines.push(`window    ${current.window}: ${current.certified} of ${current.units} units certified${working}`)
    if (current.disputed > 0) lines.push(`          ${current.disputed} units in dispute`)
  }
  if (frontier.beyond.length > 0)
    lines.push(`beyond    ${frontier.beyond.length} certified windows wait for a gap to close`)
  for (const { coordinator, epoch } of rest.equivocations) {
    lines.push(
      `FRAUD     coordinator ${coordinator.slice(0, 12)} sealed two draws for epoch ${epoch}: none of its draws stands since`,
    )
  }
  const refused = Object.entries(units.refused).map(([reason, n]) => `, ${n} refused as ${reason}`)
  lines.push(`units     ${units.certified} certified${refused.join('')}`)
  for (const { account, kind, window, unit, leaf } of rest.convictions) {
    const where = leaf === null ? '' : `, leaf ${leaf}`
    lines.push(`BANNED    account ${account.slice(0, 12)}: ${kind}, unit ${unit} of window ${window}${where}`)
  }
  if (node && draws) {
    lines.push(`draws     ${draws.witnessed} witnessed, ${draws.refused.length} refused`)
    for (const { epoch, fault } of draws.refused.slice(0, 3)) lines.push(`          epoch ${epoch}: ${fault}`)
    const { peers } = rest
    lines.push(`node      running, ${peers.length} ${peers.length === 1 ? 'peer' : 'peers'}`)
    lines.push(...node.addresses.map((address) => `          ${address}`))
    if (rest.rate !== null) lines.push(`rate      ${rateText(rest.rate)}`)
  } else lines.push('node      not running (`collatz work` starts it)')
  if (rest.accounts.length > 0) {
    const rows = rest.accounts.map((a) => [shownName(a.name), a.account.slice(0, 12), a.level, a.units, a.hardNumbers])
    lines.push('', table(['account', 'key', 'level', 'units', 'hard numbers'], rows))
  }
  return lines.join('\n')
}
