"""The slow exchange's credit: the formulas of `Credit`, in fractions of currency that never round."""

from fractions import Fraction

from marl_market.exchange.codes import EventKind, Phase, Reason
from marl_market.market.limits import LARGEST_AMOUNT
from marl_market.market.spec import MarketSpec
from tests.differential.ledger import Order, ReferenceLedger
from tests.venue import Command

YEAR = 365 * 24 * 3600 * 10**9
BILLION = 10**9
LARGEST_COVERED = 4 * LARGEST_AMOUNT


class ReferenceBank(ReferenceLedger):
    """A ledger with credit checks."""

    def __init__(self, spec: MarketSpec, seats: int) -> None:
        super().__init__(spec, seats)
        credit = spec.credit
        self.credit = credit
        self.given_cash, self.given_lots = (
            int(Fraction(str(given)) / Fraction(str(step)))
            for given, step in ((credit.initial_cash, spec.cash_unit), (credit.initial_units, spec.lot_size))
        )
        self.mark = Fraction(spec.initial_price_ticks)
        self.absent: set[int] = set()

    def holding(self, seat: int) -> int:
        return self.given_lots + self.accounts[seat]["position"]

    def money(self, seat: int) -> int:
        return self.given_cash + self.accounts[seat]["cash"]

    def value(self, lots: int, ticks: Fraction) -> Fraction:
        return lots * ticks * self.spec.cash_per_tick_lot

    def equity(self, seat: int) -> Fraction:
        return self.money(seat) + self.value(self.holding(seat), self.mark)

    def credit_rejection(self, seat: int, command: Command, price: Fraction, replaced: Order | None = None) -> Reason:
        """Return the rejection reason of an order reserved at `price`, or Reason.NONE; `command` has its side."""
        side = command.side
        reduces = replaced.reduces if replaced else command.reduce_only != 0
        asked = [(reduces, command.quantity_lots, price)]
        for order in self.open_orders[seat].values():
            if order.side == side and order is not replaced:
                asked.append((order.reduces, order.left, self.reserved_at(order.kind, order.price, order.trigger)))
        holding = side * self.holding(seat)
        # Orders that only reduce may close the holding first; the others then open a position.
        closing = min(sum(lots for reduces, lots, _ in asked if reduces), -min(holding, 0))
        asked = [entry for entry in asked if not entry[0]]
        opened = sum(lots for _, lots, _ in asked) + closing + min(holding, 0)
        if opened <= 0:
            return Reason.NONE
        limit = self.credit.short_limit
        if side == -1 and limit is not None:
            owed_after_all = opened + max(holding, 0)
            if owed_after_all > Fraction(str(limit)) / Fraction(str(self.spec.lot_size)):
                return Reason.SHORT_LIMIT
        rate = Fraction(str(self.credit.initial_margin))
        if rate == 0:
            return Reason.NONE
        needs = [(abs(self.mark), loss) if (loss := side * (at - self.mark)) > 0 else (abs(at), Fraction(0))
                 for _, _, at in asked]  # fmt: skip
        covered_each, lost_each = max(needs, key=lambda need: rate * need[0] + need[1])
        covered = self.value(max(holding, 0), abs(self.mark)) + self.value(opened, covered_each)
        required = rate * covered + self.value(opened, lost_each)
        affordable = covered < LARGEST_COVERED and required <= self.equity(seat)
        return Reason.NONE if affordable else Reason.INSUFFICIENT_FUNDS

    def reserved_at(self, kind: int, price: int, trigger: int) -> Fraction:
        raise NotImplementedError

    def charge_loan(self, seat: int) -> None:
        # The interest is computed in floating point numbers, here as there, and owed in billionths.
        short = max(self.value(-min(self.holding(seat), 0), self.mark), Fraction(0))
        rate = self.credit.lending_rate * self.spec.step_ns / YEAR
        interest = 0.5 * rate * float(2 * short) - rate * float(min(self.money(seat), 0))
        if interest > self.limits.notional:
            self._stop(seat)
            return
        before = self.accounts[seat]["fees"]
        self._charge(seat, int(interest) + Fraction(int((interest - int(interest)) * BILLION), BILLION))
        self._count(self.accounts[seat]["fees"] - before)

    def check_values(self) -> None:
        if self.credit.limits_orders or self.credit.watches_accounts:
            for seat in range(len(self.accounts)):
                if abs(self.value(self.holding(seat), self.mark)) > self.limits.amount:
                    self._stop(seat)

    def watch_accounts(self) -> None:
        for seat in range(len(self.accounts)):
            if seat in self.absent:
                continue
            self.charge_loan(seat)
            if self.phase != Phase.CONTINUOUS or not self.must_be_closed(seat):
                continue
            self.cancel_own(seat, Reason.LIQUIDATION)
            if holding := self.holding(seat):
                self.close_holding(seat, -1 if holding > 0 else 1, abs(holding))
            if self.holding(seat) == 0 and self.equity(seat) <= 0:
                self.cancel_own(seat, Reason.BY_OWNER)
                self.absent.add(seat)

    def close_holding(self, seat: int, side: int, lots: int) -> None:
        raise NotImplementedError

    def must_be_closed(self, seat: int) -> bool:
        rate = Fraction(str(self.credit.maintenance_margin))
        return rate > 0 and self.equity(seat) < rate * abs(self.value(self.holding(seat), self.mark))

    def cancel_own(self, seat: int, reason: Reason) -> None:
        for slot in sorted(self.open_orders[seat]):
            self._end(self.open_orders[seat][slot], EventKind.CANCELED, reason)
