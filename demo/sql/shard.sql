-- The shop on one shard: its tables, and two business transactions that insert their events as they go.

create table customer_order (
    id          bigint generated always as identity primary key,
    till        text not null,
    cents       integer not null,
    placed_at   timestamptz not null default now()
);
create index customer_order_by_till on customer_order (till, id);

create table payment (
    id          bigint generated always as identity primary key,
    order_id    bigint not null references customer_order,
    cents       integer not null,
    paid_at     timestamptz not null default now()
);

-- ----------------------------------------------------------------------
-- Function: public.check_out(2)
--
--      A customer buys: every order is one row, one event for the invoice and one for the mail.
--
-- Parameters:
--      x_till      - the till that commits this
--      x_orders    - how many orders
--
-- Returns:
--      nothing
--
-- Writes:
--      customer_order, queues orders and emails
--
-- Called by:
--      src/cli/demo/shop/till.ts
-- ----------------------------------------------------------------------
create function public.check_out(x_till text, x_orders integer)
returns void
language plpgsql
as $$
declare
    v_order     customer_order;
begin
    for n in 1 .. x_orders loop
        insert into customer_order (till, cents) values (x_till, 100 + floor(random() * 20000)::integer)
        returning * into v_order;
        perform pgq.insert_event('orders', 'placed',
            json_build_object('order', v_order.id, 'cents', v_order.cents)::text);
        perform pgq.insert_event('emails', 'confirmation',
            json_build_object('order', v_order.id)::text);
    end loop;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: public.pay(2)
--
--      A customer pays the till's latest orders: every payment is one row, one event for the books and one for the mail.
--
-- Parameters:
--      x_till      - the till that commits this
--      x_orders    - how many orders
--
-- Returns:
--      nothing
--
-- Writes:
--      payment, queues payments and emails
--
-- Called by:
--      src/cli/demo/shop/till.ts
-- ----------------------------------------------------------------------
create function public.pay(x_till text, x_orders integer)
returns void
language plpgsql
as $$
declare
    v_order     customer_order;
begin
    for v_order in
        select * from customer_order o where o.till = x_till order by o.id desc limit x_orders
    loop
        insert into payment (order_id, cents) values (v_order.id, v_order.cents);
        perform pgq.insert_event('payments', 'paid',
            json_build_object('order', v_order.id, 'cents', v_order.cents)::text);
        perform pgq.insert_event('emails', 'receipt',
            json_build_object('order', v_order.id)::text);
    end loop;
end;
$$;
