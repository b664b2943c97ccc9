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
            d2 = {}
            d2["customer_id"] = d["customer_id"]
            if "name" in d:
                n = d["name"].strip()
                if " " in n:
                    # van der etc. everything but the last word is the first name
                    parts = n.split(" ")
                    d2["first_name"] = " ".join(parts[:-1])
                    d2["last_name"] = parts[-1]
                else:
                    d2["first_name"] = n
                    d2["last_name"] = ""
            if "email" in d:
                # some of the first forms sent capitals
                d2["email"] = d["email"].lower()
            d2["address"] = {}
            d2["address"]["street"] = ""
            d2["address"]["city"] = ""
            d2["address"]["postal_code"] = ""
            d2["address"]["country"] = "US"
            return {"type": t, "data": d2}
        elif v == 2:
            d2 = {}
            d2["customer_id"] = d["customer_id"]
            d2["first_name"] = d["first_name"]
            d2["last_name"] = d["last_name"]
            if "email" in d:
                d2["email"] = d["email"].lower()
            d2["address"] = {}
            d2["address"]["street"] = ""
            d2["address"]["city"] = ""
            d2["address"]["postal_code"] = ""
            d2["address"]["country"] = "US"
            return {"type": t, "data": d2}
        elif v == 3:
            d2 = {}
            d2["customer_id"] = d["customer_id"]
            d2["first_name"] = d["first_name"]
            d2["last_name"] = d["last_name"]
            d2["email"] = d["email"]
            if "phone" in d:
                d2["phone"] = d["phone"]
            a = dict(d["address"])
            d2["address"] = {}
            d2["address"]["street"] = a["street"]
            d2["address"]["city"] = a["city"]
            z = a["zip"]
            if z is not None:
                d2["address"]["postal_code"] = z.upper()
            else:
                d2["address"]["postal_code"] = ""
            if "country" in a:
                d2["address"]["country"] = a["country"]
            else:
                d2["address"]["country"] = "US"
            return {"type": t, "data": d2}
        return {"type": t, "data": d}

    elif t == "OrderPlaced":
        # schema_version is useless here, look at the fields
        if "total" in d and "currency" not in d:
            d2 = {}
            d2["order_id"] = d["order_id"]
            d2["customer_id"] = d["customer_id"]
            d2["total_cents"] = int(round(d["total"] * 100))
            d2["currency"] = "USD"
            if "coupon" in d:
                if d["coupon"] != "NONE":
                    d2["coupon"] = d["coupon"]
            d2["lines"] = []
            d2["channel"] = "web"
            return {"type": t, "data": d2}
        elif "total" in d:
            d2 = {}
            d2["order_id"] = d["order_id"]
            d2["customer_id"] = d["customer_id"]
            d2["total_cents"] = int(round(d["total"] * 100))
            d2["currency"] = d["currency"]
            if "coupon" in d:
                if d["coupon"] == "NONE":
                    # old shop front wrote NONE when there was none
                    pass
                else:
                    d2["coupon"] = d["coupon"]
            d2["lines"] = []
            d2["channel"] = "web"
            return {"type": t, "data": d2}
        else:
            if "lines" not in d:
                d2 = {}
                d2["order_id"] = d["order_id"]
                d2["customer_id"] = d["customer_id"]
                d2["total_cents"] = d["total_cents"]
                d2["currency"] = d["currency"]
                if "coupon" in d:
                    d2["coupon"] = d["coupon"]
                d2["lines"] = []
                d2["channel"] = "web"
                return {"type": t, "data": d2}
            else:
                lines = []
                for line in d["lines"]:
                    l = {}
                    l["sku"] = line["sku"]
                    l["price_cents"] = line["price_cents"]
                    if "quantity" in line:
                        l["quantity"] = line["quantity"]
                    else:
                        l["quantity"] = 1
                    lines.append(l)
                d["lines"] = lines
                if "channel" not in d:
                    # TODO ask marketing, could be the app as well
                    d["channel"] = "web"
        return {"type": t, "data": d}

    elif t == "PaymentReceived":
        if "amount" in d and isinstance(d["amount"], str):
            # "12.30"
            x = d["amount"]
            d2 = {}
            d2["order_id"] = d["order_id"]
            if "." in x:
                whole, fraction = x.split(".")
                if len(fraction) == 1:
                    fraction = fraction + "0"
                d2["amount_cents"] = int(whole) * 100 + int(fraction[:2])
            else:
                d2["amount_cents"] = int(x) * 100
            d2["currency"] = "USD"
            m = d["method"]
            if m == "cc":
                m = "card"
            d2["method"] = {}
            if m == "card":
                d2["method"]["kind"] = "card"
                d2["method"]["last4"] = "0000"
            elif m == "paypal":
                d2["method"]["kind"] = "wallet"
                d2["method"]["last4"] = ""
            else:
                d2["method"]["kind"] = m
                d2["method"]["last4"] = ""
            return {"type": t, "data": d2}
        elif "amount" in d:
            d2 = {}
            d2["order_id"] = d["order_id"]
            d2["amount_cents"] = int(round(d["amount"] * 100))
            d2["currency"] = "USD"
            m = d["method"]
            if m == "cc":
                m = "card"
            d2["method"] = {}
            if m == "card":
                d2["method"]["kind"] = "card"
                d2["method"]["last4"] = "0000"
            elif m == "paypal":
                d2["method"]["kind"] = "wallet"
                d2["method"]["last4"] = ""
            else:
                d2["method"]["kind"] = m
                d2["method"]["last4"] = ""
            return {"type": t, "data": d2}
        else:
            if isinstance(d.get("method"), str):
                # can this happen?
                d["method"] = {"kind": d["method"], "last4": ""}
        return {"type": t, "data": d}

    elif t == "OrderShipped":
        if "tracking" in d:
            d2 = {}
            d2["order_id"] = d["order_id"]
            tr = d["tracking"]
            d2["tracking_number"] = tr
            if tr.startswith("1Z"):
                d2["carrier"] = "UPS"
            elif tr.startswith("JD"):
                d2["carrier"] = "DHL"
            else:
                d2["carrier"] = "POST"
            d2["parcels"] = 1
            if "signed_by" in d:
                if d["signed_by"] != "":
                    d2["signed_by"] = d["signed_by"]
            return {"type": t, "data": d2}
        elif "parcels" not in d:
            d2 = {}
            d2["order_id"] = d["order_id"]
            d2["tracking_number"] = d["tracking_number"]
            d2["carrier"] = d["carrier"]
            d2["parcels"] = 1
            if "signed_by" in d:
                # scanners send an empty one
                if d["signed_by"] != "":
                    d2["signed_by"] = d["signed_by"]
            return {"type": t, "data": d2}
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
            d2 = {}
            d2["order_id"] = d["order_id"]
            d2["refund_cents"] = int(d["amount"] * 100)
            if d["reason"] == "":
                d2["reason"] = "goodwill"
            else:
                d2["reason"] = d["reason"]
            return {"type": t, "data": d2}
        elif v == 2:
            d2 = {}
            d2["order_id"] = d["order_id"]
            d2["refund_cents"] = int(d["refund"] * 100)
            if d["reason"] == "":
                d2["reason"] = "goodwill"
            else:
                d2["reason"] = d["reason"]
            return {"type": t, "data": d2}
        return {"type": t, "data": d}

    elif t == "StockAdjusted":
        if v == 1:
            d2 = {}
            d2["sku"] = "SKU-" + str(d["item"])
            d2["warehouse"] = "MAIN"
            d2["quantity_change"] = d["delta"]
            if d["delta"] < 0:
                d2["cause"] = "sale"
            elif d["delta"] == 0:
                d2["cause"] = "count"
            else:
                d2["cause"] = "delivery"
            return {"type": t, "data": d2}
        elif v == 2:
            d2 = {}
            d2["sku"] = d["sku"]
            d2["warehouse"] = "MAIN"
            d2["quantity_change"] = d["delta"]
            if d["delta"] < 0:
                d2["cause"] = "sale"
            else:
                d2["cause"] = "delivery"
            if d2["quantity_change"] == 0:
                # was wrong in the statistics
                d2["cause"] = "count"
            return {"type": t, "data": d2}
        elif v == 3:
            d2 = {}
            d2["sku"] = d["sku"]
            d2["warehouse"] = d["warehouse"]
            d2["quantity_change"] = d["delta"]
            if d["delta"] < 0:
                d2["cause"] = "sale"
            else:
                if d["delta"] == 0:
                    d2["cause"] = "count"
                else:
                    d2["cause"] = "delivery"
            return {"type": t, "data": d2}
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
