/**
 * Which account each node works for. A registration has the signatures of both (admit.ts), so
 * nobody can pair a node with an account that did not agree to it; but a node may agree to several.
 * All pairs are known: what a draw deals to a node is dealt to the account that its roster pairs
 * the node with, and a roster may pair none that are not registered.
 */

import { createMemory, type Memory } from '../base/memory.ts'
import type { DrawBody } from '../message/bodies.ts'
import { openRegistration, type Registration } from '../message/registration.ts'
import type { Genesis } from '../network/genesis.ts'

/** By node, by account: the newest registration of each pair. */
export type Registered = ReadonlyMap<string, ReadonlyMap<string, Registration>>

export function registeredIn(
  genesis: Genesis,
  documents: Iterable<unknown>,
  memory: Memory = createMemory(),
): Registered {
  return newestOfPairs([...documents].map((document) => openRegistration(genesis, document, memory)))
}

/**
 * Of the registrations of a node to an account the newest counts; of two for one round that of the
 * lower name.
 */
export function newestOfPairs(registrations: Iterable<Registration>): Registered {
  const registered = new Map<string, Map<string, Registration>>()
  for (const registration of registrations) {
    const { node, account, round, name } = registration
    const byAccount = registered.get(node) ?? new Map<string, Registration>()
    registered.set(node, byAccount)
    const known = byAccount.get(account)
    if (!known || round > known.round || (round === known.round && name < known.name)) {
      byAccount.set(account, registration)
    }
  }
  return registered
}

/**
 * Of the accounts that have taken a node for their own, the earliest; of equal ones, that of the
 * lower key.
 */
const isEarlier = (a: Registration, b: Registration): boolean =>
  a.round < b.round || (a.round === b.round && a.account < b.account)

/** Whom each node is dealt to next. */
export function ownersIn(registered: Registered): Map<string, Registration> {
  const owners = new Map<string, Registration>()
  for (const [node, byAccount] of registered) {
    owners.set(
      node,
      [...byAccount.values()].reduce((first, other) => (isEarlier(other, first) ? other : first)),
    )
  }
  return owners
}

/** All registrations of each account. */
export function registrationsByAccount(registered: Registered): Map<string, Registration[]> {
  const byAccount = new Map<string, Registration[]>()
  for (const ofNode of registered.values()) {
    for (const [account, registration] of ofNode) {
      const known = byAccount.get(account)
      if (known) known.push(registration)
      else byAccount.set(account, [registration])
    }
  }
  return byAccount
}

/** Whether everybody on the roster of a draw has agreed to be paired as it says. */
export const isRegistered = (registered: Registered, { roster }: DrawBody): boolean =>
  roster.every(({ node, account }) => registered.get(node)?.has(account) ?? false)
