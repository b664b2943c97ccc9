# ruff: noqa
"""upcast old events"""

import datetime

# TODO: clean this up before the next release


def upcast_event(event):
    """event is the dict from the store: type, meta, at, data"""
    t = event["type"]
    meta = event.get("meta") or {}
    d = dict(event["data"])
    v = meta.get("schema_version", 1)

    if t == "CustomerRegistered":
        if v == 1:
            if "name" in d:
                n = d.pop("name").strip()
                if " " in n:
                    # van der etc. everything but the last word is the first name
                    parts = n.split(" ")
                    d["first_name"] = " ".join(parts[:-1])
                    d["last_name"] = parts[-1]
                else:
                    d["first_name"] = n
                    d["last_name"] = ""
            d["address"] = {}
            d["address"]["street"] = ""
            d["address"]["city"] = ""
            d["address"]["postal_code"] = ""
            d["address"]["country"] = "US"
        elif v == 2:
            d["address"] = {}
            d["address"]["street"] = ""
            d["address"]["city"] = ""
            d["address"]["postal_code"] = ""
            d["address"]["country"] = "US"
        elif v == 3:
            a = dict(d["address"])
            z = a.pop("zip")
            if z is not None:
                a["postal_code"] = z.upper()
            else:
                a["postal_code"] = ""
            if "country" not in a:
                a["country"] = "US"
            d["address"] = a
        if "email" in d:
            # some of the first forms sent capitals
            if v < 3:
                d["email"] = d["email"].lower()
        return {"type": t, "data": d}

    elif t == "OrderPlaced":
        # schema_version is useless here, look at the fields
        if "total" in d:
            if "currency" not in d:
                d["currency"] = "USD"
            x = d.pop("total")
            d["total_cents"] = int(round(x * 100))
            if "coupon" in d:
                if d["coupon"] == "NONE":
                    # old shop front wrote NONE when there was none
                    del d["coupon"]
            d["lines"] = []
            d["channel"] = "web"
        else:
            if "lines" not in d:
                d["lines"] = []
                d["channel"] = "web"
            else:
                lines = []
                for line in d["lines"]:
                    l = dict(line)
                    if "quantity" not in l:
                        l["quantity"] = 1
                    lines.append(l)
                d["lines"] = lines
                if "channel" not in d:
                    # TODO ask marketing, could be the app as well
                    d["channel"] = "web"
        return {"type": t, "data": d}

    elif t == "PaymentReceived":
        if "amount" in d:
            x = d.pop("amount")
            if isinstance(x, str):
                # "12.30"
                if "." in x:
                    whole, fraction = x.split(".")
                    if len(fraction) == 1:
                        fraction = fraction + "0"
                    d["amount_cents"] = int(whole) * 100 + int(fraction[:2])
                else:
                    d["amount_cents"] = int(x) * 100
            else:
                d["amount_cents"] = int(round(x * 100))
            d["currency"] = "USD"
            m = d["method"]
            if m == "cc":
                m = "card"
            if m == "card":
                d["method"] = {"kind": "card", "last4": "0000"}
            elif m == "paypal":
                d["method"] = {"kind": "wallet", "last4": ""}
            else:
                d["method"] = {"kind": m, "last4": ""}
        else:
            if isinstance(d.get("method"), str):
                # can this happen?
                d["method"] = {"kind": d["method"], "last4": ""}
        return {"type": t, "data": d}

    elif t == "OrderShipped":
        if "tracking" in d:
            tr = d.pop("tracking")
            d["tracking_number"] = tr
            if tr.startswith("1Z"):
                d["carrier"] = "UPS"
            elif tr.startswith("JD"):
                d["carrier"] = "DHL"
            else:
                d["carrier"] = "POST"
            d["parcels"] = 1
        elif "parcels" not in d:
            d["parcels"] = 1
        if "signed_by" in d:
            if d["signed_by"] == "":
                del d["signed_by"]
        return {"type": t, "data": d}

    elif t == "OrderCancelled":
        if v == 1:
            r = d.pop("reason")
            low = r.lower()
            if "late" in low or "slow" in low:
                d["reason_code"] = "LATE"
            else:
                if "stock" in low:
                    d["reason_code"] = "OUT_OF_STOCK"
                else:
                    if "mind" in low:
                        d["reason_code"] = "CUSTOMER"
                    else:
                        d["reason_code"] = "OTHER"
            d["note"] = r
        return {"type": t, "data": d}

    elif t == "RefundIssued":
        if v == 1:
            x = d.pop("amount")
            d["refund_cents"] = int(x * 100)
        elif v == 2:
            x = d.pop("refund")
            d["refund_cents"] = int(x * 100)
        if v < 3:
            if d["reason"] == "":
                d["reason"] = "goodwill"
        return {"type": t, "data": d}

    elif t == "StockAdjusted":
        if v == 1:
            d["sku"] = "SKU-" + str(d.pop("item"))
            d["warehouse"] = "MAIN"
            x = d.pop("delta")
            d["quantity_change"] = x
            if x < 0:
                d["cause"] = "sale"
            else:
                d["cause"] = "delivery"
        elif v == 2:
            d["warehouse"] = "MAIN"
            x = d.pop("delta")
            d["quantity_change"] = x
            if x < 0:
                d["cause"] = "sale"
            else:
                d["cause"] = "delivery"
        elif v == 3:
            x = d.pop("delta")
            d["quantity_change"] = x
            if x < 0:
                d["cause"] = "sale"
            else:
                if x == 0:
                    d["cause"] = "count"
                else:
                    d["cause"] = "delivery"
        if v == 2 and d["quantity_change"] == 0:
            d["cause"] = "count"
        return {"type": t, "data": d}

    elif t == "ReviewPosted":
        if "product" in d:
            d["sku"] = d.pop("product")
            d["customer_id"] = "anonymous"
            d["verified"] = False
        else:
            if "verified" not in d:
                if d["customer_id"] != "anonymous":
                    # logged in, so they have bought something?
                    d["verified"] = True
                else:
                    d["verified"] = False
        return {"type": t, "data": d}

    elif t == "LoyaltyPointsGranted":
        if "reason" not in d:
            at = datetime.datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
            if at < datetime.datetime(2018, 1, 15, tzinfo=datetime.timezone.utc):
                d["points"] = d["points"] * 100
            d["reason"] = "purchase"
            d["expires_on"] = "2099-12-31"
        return {"type": t, "data": d}

    # don't know it, hope for the best
    return {"type": t, "data": d}
