import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { frontierSentence, frontierText } from '../orbit/rules/frontier.ts'
import { unitsCertified } from '../orbit/rules/state.ts'
import { plainText } from '../site/text.ts'
import { shared } from './command.ts'
import { printJson, rateText, table } from './print.ts'
import { readSource, type Source } from './source.ts'

export const status = defineCommand({
  meta: { name: 'status', description: 'network, frontier, windows, units, peers, rate: all from signed documents' },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const source = await readSource(home)
    if (args.json) return printJson(statusOf(source))
    console.log(statusText(source))
  },
})

/** The same for scripts. Numbers of the mathematics are decimal strings. */
export function statusOf({ state, unitsPerWindow, live }: Source) {
  const { genesis, frontier } = state
  const { body } = genesis
  return {
    network: {
      id: genesis.networkId,
      name: body.name,
      map: body.partition.map,
      replication: body.replication,
      beacon: body.beacon.source,
      beaconRound: live?.round ?? null,
      genesis_timestamp: body.genesis_timestamp,
      windowBits: body.partition.bits,
      unitsPerWindow,
    },
    frontier: {
      below: frontier.below,
      text: frontierText(genesis, frontier),
      sentence: frontierSentence(genesis, frontier),
      windows: frontier.windows,
      beyond: frontier.beyond,
    },
    windows: [...state.windows.values()].map((w) => ({
      window: w.window,
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
      ...{ account, node, kind, epoch, window, unit, leaf },
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

function statusText(source: Source): string {
  const { state, unitsPerWindow, live } = source
  const { genesis, frontier } = state
  const beacon =
    genesis.body.beacon.source === 'local'
      ? 'local: signed by the founder alone, who is trusted not to rig draws'
      : `drand quicknet (chain ${genesis.body.beacon.hash.slice(0, 16)}…)`
  const lines = [
    frontierSentence(genesis, frontier),
    '',
    `network   ${genesis.networkId} (${plainText(genesis.body.name, 64)}), N = ${genesis.body.replication}`,
    `beacon    ${beacon}`,
  ]
  const current = [...state.windows.values()].find((w) => !w.complete)
  if (current) {
    const working = live?.working ? `, unit ${live.working.unit} at ${Math.floor(live.working.fraction * 100)} %` : ''
    lines.push(`window    ${current.window}: ${unitsCertified(current)} of ${unitsPerWindow} units certified${working}`)
    if (current.disputed.size > 0) lines.push(`          ${current.disputed.size} units in dispute`)
  }
  if (frontier.beyond.length > 0)
    lines.push(`beyond    ${frontier.beyond.length} certified windows wait for a gap to close`)
  for (const { coordinator, epoch } of state.equivocations) {
    lines.push(
      `FRAUD     coordinator ${coordinator.slice(0, 12)} sealed two draws for epoch ${epoch}: none of its draws stands since`,
    )
  }
  const refused = Object.entries(state.refused).map(([reason, n]) => `, ${n} refused as ${reason}`)
  lines.push(`units     ${statusOf(source).units.certified} certified${refused.join('')}`)
  for (const { account, kind, window, unit, leaf } of state.convictions) {
    const where = leaf === null ? '' : `, leaf ${leaf}`
    lines.push(`BANNED    account ${account.slice(0, 12)}: ${kind}, unit ${unit} of window ${window}${where}`)
  }
  if (live) {
    const bad = live.verdicts.filter(({ fault }) => fault !== null)
    lines.push(`draws     ${live.verdicts.length - bad.length} witnessed, ${bad.length} refused`)
    for (const { epoch, fault } of bad.slice(0, 3)) lines.push(`          epoch ${epoch}: ${fault}`)
    const { peers } = live
    lines.push(`node      running, ${peers.length} ${peers.length === 1 ? 'peer' : 'peers'}`)
    lines.push(...live.addresses.map((address) => `          ${address}`))
    if (live.rate !== null) lines.push(`rate      ${rateText(live.rate)}`)
  } else lines.push('node      not running (`collatz work` starts it)')
  if (state.accounts.length > 0) {
    const rows = state.accounts.map((a) => [a.name, a.account.slice(0, 12), a.level, a.units, a.hardNumbers])
    lines.push('', table(['account', 'key', 'level', 'units', 'hard numbers'], rows))
  }
  return lines.join('\n')
}
