/** One account: what it did, and the level that its certificates give it. */
import { createRoute, notFound } from '@tanstack/react-router'
import type { JSX } from 'react'
import { useSite } from '../context.ts'
import type { Level, SiteNetwork } from '../data.ts'
import { duration, log2, roundTime, shortKey } from '../format.ts'
import { Num, Power } from '../parts/number.tsx'
import { AccountName } from '../parts/tables.tsx'
import { rootRoute } from './root.tsx'

export const accountRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/accounts/$key',
  loader: ({ context, params }) => {
    const at = context.data.accounts.findIndex((account) => account.key === params.key)
    const account = context.data.accounts[at]
    if (account === undefined) throw notFound()
    return { at, title: account.name ?? shortKey(account.key) }
  },
  head: ({ loaderData, params }) => ({
    meta: [
      { title: `${loaderData?.title ?? shortKey(params.key)} · collatz` },
      { name: 'description', content: `Account ${shortKey(params.key)}: units, numbers, level.` },
    ],
  }),
  component: AccountPage,
})

function meaning(level: Level, { verified, trusted, elite }: SiteNetwork['levels']): string {
  switch (level) {
    case 'UNTRUSTED':
      return `fewer than ${verified} accepted units.`
    case 'VERIFIED':
      return `${verified} accepted units or more.`
    case 'TRUSTED':
      return `${trusted} accepted units or more.`
    case 'ELITE':
      return `${elite} accepted units or more, none of them wrong.`
    case 'BANNED':
      return 'it signed a wrong result, or two statements that contradict each other.'
  }
}

/** Long, as it is the markup of one page. */
function AccountPage(): JSX.Element {
  const { data } = useSite()
  const { at } = accountRoute.useLoaderData()
  const account = data.accounts[at]!
  return (
    <>
      <h1>
        <AccountName account={account} />
      </h1>
      <p className="lead">
        <strong className={account.level === 'BANNED' ? 'level banned' : 'level'}>
          {account.level.charAt(0) + account.level.slice(1).toLowerCase()}:
        </strong>{' '}
        {meaning(account.level, data.network.levels)}
      </p>
      <dl className="figures">
        <div className="whole">
          <dt>Key</dt>
          <dd>
            <code className="long">{account.key}</code>
          </dd>
        </div>
        <div>
          <dt>Rank</dt>
          <dd>
            <Num value={at + 1} /> of <Num value={data.accounts.length} />
          </dd>
        </div>
        <div>
          <dt>Accepted units</dt>
          <dd>
            <Num value={account.units} />
          </dd>
        </div>
        <div>
          <dt>Numbers they cover</dt>
          <dd>
            <Num value={account.numbers} />
            {account.numbers > 1n && (
              <span className="exact">
                about <Power exponent={log2(account.numbers).toFixed(1)} />
              </span>
            )}
          </dd>
        </div>
        <div>
          <dt>Hard numbers found</dt>
          <dd>
            <Num value={account.hardNumbers} />
          </dd>
        </div>
        <div>
          <dt>Nodes</dt>
          <dd>
            <Num value={account.nodes} />
          </dd>
        </div>
        <div>
          <dt>Last heard of</dt>
          <dd>
            {account.seenAtRound === null ? (
              'never'
            ) : (
              <>
                round <Num value={account.seenAtRound} />
                <span className="exact">
                  {duration(data.asOf.time - roundTime(data, account.seenAtRound))} before this page was made
                </span>
              </>
            )}
          </dd>
        </div>
      </dl>
      <p className="note">
        {data.network.adaptive
          ? 'Levels decide how often an account is audited. In this network one result of a TRUSTED account and an audit of it may stand for those of several.'
          : 'Levels decide how often an account is audited. They never make a result count for more.'}
      </p>
    </>
  )
}
