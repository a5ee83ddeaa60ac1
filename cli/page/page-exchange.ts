/**
 * Publishing the page and fetching one: a folder as UnixFS, and the IPNS name of a node that points
 * at it.
 *
 * Separate from the commands, as a running node does both for them.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Service } from '../../orbit/node/service.ts'
import { checkReplaceable, replaceSite } from '../../site/output.ts'
import { fired } from '../shell/command.ts'

/** The IPNS key of a node's page. */
const KEY = 'leaderboard'

export interface Published {
  /** CID of the folder. */
  readonly cid: string
  /** The IPNS name, for /ipns/<name>. */
  readonly name: string
}

/** @param directory what `leaderboard build` wrote */
export async function publishSite(service: Service, directory: string): Promise<Published> {
  const cid = await service.node.publishDirectory(directory)
  const name = await service.node.publishName(KEY, cid)
  return { cid: cid.toString(), name }
}

/**
 * Resolves a published page and writes its files. They are fetched beside the folder and take its
 * place when they are all there, so that the folder never holds a part of them.
 *
 * @param directory missing, empty, or a page that an earlier call or `leaderboard build` wrote
 * @returns the CID of the folder
 * @throws {OutputError} when there is anything else in the folder, before the network is asked
 * @throws {NameError} when nobody knows the name, or it points at what is no page
 */
export async function fetchSite(
  service: Service,
  name: string,
  directory: string,
  signal?: AbortSignal,
): Promise<string> {
  await checkReplaceable(directory)
  const cid = await unlessAborted(service.node.resolveName(name), signal)
  const parent = dirname(directory)
  mkdirSync(parent, { recursive: true })
  const aside = mkdtempSync(join(parent, `${basename(directory)}.fetching-`))
  try {
    const fresh = join(aside, 'new')
    await unlessAborted(service.node.exportDirectory(cid, fresh), signal)
    await replaceSite(directory, fresh, join(aside, 'old'))
    return cid.toString()
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** @throws {AbortError} once the signal fires; the work goes on, and nobody waits for it */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  const aborted = fired(signal).then(() => signal.throwIfAborted())
  return Promise.race([work, aborted as Promise<never>])
}
