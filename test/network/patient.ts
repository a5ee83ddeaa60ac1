/** Draws when a test wants one, with everybody on the roster: what is claimed of a deal then hangs on nobody's speed. */

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSource } from '../../cli/network/state-source.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import type { DealtDraw } from '../../orbit/rules/deal/canonical-draws.ts'
import { dealtUnitKey } from '../../orbit/rules/message/unit.ts'
import { lastRound, seedRound } from '../../orbit/rules/network/schedule.ts'
import { until } from '../until.ts'
import type { Machine, Status } from './processes.ts'

const sealFile = ({ home }: Pick<Machine, 'home'>) => join(home, 'seal')

/** What the founder's node in rogue.ts does with it. */
export const isAskedFor = (home: string): boolean => existsSync(sealFile({ home }))
export const isSealed = (home: string): void => rmSync(sealFile({ home }), { force: true })

/**
 * Resolves when all who are named have said that they have all their room, and may be on the next roster.
 *
 * @param rooms units at a time, by name of the account
 */
export async function everybodyHasRoom(founder: Machine, rooms: Readonly<Record<string, number>>): Promise<void> {
  let last: unknown
  const look = async () => {
    const { state, live } = await readSource(openHome(founder.home))
    const { genesis, nodes, heartbeats, draws } = state
    const isFree = (name: string) => {
      const registration = [...nodes.values()].find((node) => node.name === name)
      const said = registration && heartbeats.get(registration.node)
      if (!said) return false
      const since = [...draws].filter(([epoch]) => seedRound(genesis, epoch) > said.round)
      const seats = since.flatMap(([, { assignments }]) => assignments.filter((of) => of.quorum.includes(said.node)))
      if (said.capacity - seats.length !== rooms[name]) return false
      return registration.round + genesis.body.epoch.rounds <= (live?.round ?? 0)
    }
    last = Object.keys(rooms).filter((name) => !isFree(name))
    return Object.keys(rooms).every(isFree)
  }
  await until(look, 'nodes with all their room', { every: 300, seen: () => ({ without: last }) })
}

/** Has a draw sealed. @returns it when it is dealt */
export async function deal(founder: Machine): Promise<DealtDraw> {
  const newest = async () => {
    const { draws } = (await readSource(openHome(founder.home))).state
    return draws.get(Math.max(0, ...draws.keys()))
  }
  const before = (await newest())?.cid
  writeFileSync(sealFile(founder), '')
  const dealt = async () => {
    const draw = await newest()
    return draw?.cid !== before && draw
  }
  return until(dealt, 'a draw that was asked for', { every: 300 })
}

export const isDone = ({ windows }: Status, window: bigint | string): boolean =>
  windows.some((w) => w.window === window.toString() && w.complete)

/**
 * Resolves when units of a draw are done. What nodes that had too little of the machine missed all of is dealt again, twice
 * at most.
 *
 * @returns how many more draws it took
 */
export async function done(founder: Machine, { draw }: DealtDraw, windows: readonly (bigint | string)[]) {
  const { genesis } = openHome(founder.home)
  let { epoch } = draw.body
  for (let more = 0; ; more++) {
    const areDone = (s: Status) => windows.every((window) => isDone(s, window))
    const isOver = (s: Status) => (s.network.beaconRound ?? 0) > lastRound(genesis, epoch)
    const status = await founder.until((s) => areDone(s) || isOver(s), 'units that were dealt')
    if (areDone(status)) return { status, more }
    if (more === 2) throw new Error(`not done after two more draws:\n${await story(founder, windows)}`)
    epoch = (await deal(founder)).draw.body.epoch
  }
}

/** What became of units in each draw that dealt them, for whoever has to find out why they are not done. */
async function story(founder: Machine, windows: readonly (bigint | string)[]): Promise<string> {
  const { state } = await readSource(openHome(founder.home))
  const nameOf = (node: string) => state.nodes.get(node)?.name ?? node.slice(0, 8)
  const wanted = new Set(windows.map(String))
  const lines = [...state.draws].flatMap(([epoch, { cid, draw, assignments }]) => {
    const dealt = assignments.filter(({ window }) => wanted.has(window.toString()))
    if (dealt.length === 0) return []
    const stands = state.witnessed.has(cid) ? 'stands' : 'does not stand'
    const roster = draw.body.roster.map(({ node, capacity }) => `${nameOf(node)} ${capacity}`).join(', ')
    const units = dealt.map((assignment) => {
      const { window, unit, quorum, reserve } = assignment
      const key = dealtUnitKey(assignment)
      const { commits, reveals } = state.evidence.units.get(key) ?? { commits: new Map(), reveals: new Map() }
      const said = [...new Set([...quorum, ...reserve])].map((node) => {
        const [committed, shown] = [commits.get(node)?.[0]?.body.round, reveals.get(node)?.[0]?.body.round]
        return `${nameOf(node)} ${committed ?? '-'}/${shown ?? '-'} citing ${reveals.get(node)?.[0]?.item.cites.length ?? 0}`
      })
      const { status, escalations, refused } = state.settlements.get(key) ?? {}
      const why = [...(refused?.values() ?? [])].join(', ')
      return `  ${window}/${unit} ${status}, ${escalations} escalations, ${quorum.length} + reserve: ${said.join('; ')} (${why})`
    })
    return [`R(${epoch}) = ${seedRound(state.genesis, epoch)}, ${stands}; ${roster}`, ...units]
  })
  return lines.join('\n')
}
