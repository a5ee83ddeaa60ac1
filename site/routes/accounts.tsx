/** Every account with its rank. */
import { createRoute } from '@tanstack/react-router'
import type { JSX } from 'react'
import { useSite } from '../context.ts'
import { counted } from '../format.ts'
import { AccountTable } from '../parts/tables.tsx'
import { rootRoute } from './root.tsx'

export const accountsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/accounts',
  head: () => ({
    meta: [
      { title: 'Accounts · collatz' },
      { name: 'description', content: 'Every account of this network, by accepted units.' },
    ],
  }),
  component: Accounts,
})

function Accounts(): JSX.Element {
  const { data } = useSite()
  const { accounts } = data
  return (
    <>
      <h1>Accounts</h1>
      <p className="lead">
        An account is a person’s key; the machines it works with are its nodes. Names are chosen by their owners, and
        two may be alike: the key tells them apart.
      </p>
      {accounts.length === 0 ? (
        <p className="empty">No account has an accepted unit yet.</p>
      ) : (
        <AccountTable accounts={accounts} caption={`${counted(accounts.length, 'account')} by accepted units`} />
      )}
    </>
  )
}
