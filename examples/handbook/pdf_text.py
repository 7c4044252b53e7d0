"""The words of the two PDF documents; make_pdf.py sets them.

Markup, one block per blank line:

    # text          section heading            - text      item of a bulleted list
    ## text         sub-section heading        1. text     numbered step
    ! text          boxed remark               ---         new page
    | a | b |       table: `|= caption | widths in per cent` first, then the header row, then the rows

Anything else is a paragraph. `<b>` and `<i>` may be used inside.
"""

TRAVEL = """
This policy applies to every journey that Fernhaugh Instruments pays for, whichever office you belong to. It tells you
what you may book, what you may spend, and how you get your money back. It replaces version 6 and is in force from
1 January 2026.

! In one sentence: travel as if it were your own money and your own back, ask before you go, and hand in your receipts
within 30 days.

# 1 Principles

Most of this document can be guessed from five principles. Where a case is not described, they decide.

- Nobody should be out of pocket for more than a month because of work.
- A call is better than a journey; a train is better than an aeroplane.
- Rest counts. Nobody is expected to arrive after midnight and to begin at eight.
- A limit is not an allowance: we pay what it really cost, up to the limit.
- Exceptions are possible before the journey, never after it.

The policy covers employees, interns, and candidates who come to an interview. Contractors follow the terms of
their contract. Members of your family may come along at your own cost, as long as the company pays no more than it
would have paid for you alone.

# 2 Before you go

## 2.1 Approval

Enter the journey in Rota under <i>Travel request</i> with an estimate of all costs. Who has to agree depends on the estimate and
on the place.

|= Table 1: Who approves a journey | 34 30 36
| Estimated total | Destination | Approved by |
| up to £600 | own country | line manager |
| up to £600 | abroad, in Europe | line manager |
| £600 to £2,500 | anywhere in Europe | head of department |
| over £2,500 | anywhere | finance controller |
| any amount | outside Europe | finance controller |

The finance controller is Priyanka Sethuraman; in her absence the head of finance decides. Requests should be made ten
working days before departure, and fifteen working days before departure if a visa is needed. A request that nobody
has answered within four working days goes to the next level by itself. Unlike a request for annual leave, it never counts as
approved.

## 2.2 Booking

Book trains, flights and hotels through the agency Merrow Travel, by its web page or on +44 131 496 0152 between 08:00 and
18:00. The agency sends its invoices directly to Finance, so that you need not pay in advance. Private bookings are refunded
only if they were at least 10 % cheaper than the offer of the agency, and you can show that offer.

Loyalty points may be kept. They must not influence which airline or hotel you choose.

## 2.3 Advances

Anybody who has no company card may ask for an advance of up to £400, at the latest five working days before the
journey. It is settled with the claim. An advance that has not been settled after 60 days is deducted from the
next salary.

# 3 Getting there

## 3.1 Rail

Take the train if the scheduled journey takes less than five hours from station to station. Standard class is the rule. First
class may be booked if the journey takes more than three hours, or if first class is cheaper than a flexible standard
ticket on the day of booking. Seat reservations are always paid. Sleeper trains are welcome: a single compartment is paid,
and so is a hotel room for a shower on arrival, up to £45.

## 3.2 Air

Economy class is the rule for flights. Premium economy may be booked if a single flight is scheduled for more than seven hours.
Business class needs the consent of the finance controller and is granted only for flights of more than eleven hours that are
followed by work on the next day. Checked baggage is paid for journeys of three nights or more, and for
demonstration equipment. The company compensates the emissions of each flight with £38 per tonne; cost centre 4405 pays for it,
not the project.

## 3.3 By car and by bicycle

Use a hire car where public transport would take more than one hour longer each way. Book category C or smaller, electric where
there is a charger at the destination. Whoever drives more than 400 kilometres in a day has to stay for the night.

For your own vehicle we pay the rates of table 2. They cover fuel, wear and insurance. Your insurance must include
business use; we do not check this, but we do not pay the damage either.

|= Table 2: Rates for your own vehicle | 31 23 23 23
| Vehicle | United Kingdom | France | Sweden |
| Car, petrol or diesel | £0.42 per mile | EUR 0.49 per km | SEK 4.20 per km |
| Car, electric | £0.46 per mile | EUR 0.53 per km | SEK 4.60 per km |
| Motorcycle | £0.24 per mile | EUR 0.31 per km | SEK 2.40 per km |
| Bicycle | £0.22 per mile | EUR 0.27 per km | SEK 2.00 per km |
| Each passenger, more | £0.05 per mile | EUR 0.04 per km | SEK 0.50 per km |

Tolls, ferries and parking are refunded on receipt. Fines are not, whoever was right. Above 8,000 miles or 13,000 kilometres in
a calendar year we offer you a company car instead.

## 3.4 Taxis

A taxi is paid between 22:00 and 06:00, with heavy luggage, when two or more colleagues share it, or when a person does not
feel safe otherwise. No reason needs to be given for the last case. Tips of up to 10 % are refunded.

# 4 Staying there

## 4.1 Limits per country

The limits for meals apply to a full day and include drinks without alcohol, coffee and tips. On the day of departure and on the
day of return half of the meal limit applies. A breakfast that is part of the hotel price lowers the meal limit by 20 %, an
invitation to dinner by 40 %. The hotel limit is per room and night, with breakfast and all taxes.

|= Table 3: Limits for meals and hotels by country, 2026 | 22 22 24 32
| Country | Meals | Hotel | Higher hotel limit in |
| Austria | EUR 58 per day | EUR 145 per night | Vienna: EUR 170 |
| Belgium | EUR 60 per day | EUR 150 per night | Brussels: EUR 180 |
| Denmark | DKK 520 per day | DKK 1,350 per night | Copenhagen: DKK 1,600 |
| Finland | EUR 62 per day | EUR 140 per night | none |
| France | EUR 56 per day | EUR 135 per night | Paris: EUR 195 |
| Germany | EUR 54 per day | EUR 130 per night | Munich: EUR 175 |
| Ireland | EUR 61 per day | EUR 165 per night | Dublin: EUR 205 |
| Italy | EUR 52 per day | EUR 142 per night | Milan: EUR 185 |
| Netherlands | EUR 57 per day | EUR 155 per night | Amsterdam: EUR 190 |
| Norway | NOK 780 per day | NOK 1,900 per night | none |
| Portugal | EUR 44 per day | EUR 115 per night | Lisbon: EUR 140 |
| Spain | EUR 46 per day | EUR 120 per night | Barcelona: EUR 160 |
| Sweden | SEK 560 per day | SEK 1,450 per night | Stockholm: SEK 1,750 |
| Switzerland | CHF 92 per day | CHF 265 per night | Geneva: CHF 290 |
| United Kingdom | £42 per day | £125 per night | London: £185 |
| United States | USD 74 per day | USD 210 per night | Boston: USD 275 |

During a trade fair the hotel limit rises by 40 % for the days of the fair and the night before. The agency knows the dates.
For any other country, agree on limits with Finance before you book.

## 4.2 Staying with friends

Whoever stays with friends or relatives instead of in a hotel may spend £30 per night on a present for the host. A receipt is
needed for the present. Flats and rooms from private hosts may be booked if the agency offers no hotel within the limit.

## 4.3 Long stays

From the 15th night in the same place on, the meal limit falls to 70 %, since you will have a kitchen. Every second weekend a
journey home is paid. Laundry is refunded from the fifth night on, up to £18 a week.

# 5 Guests and teams

Entertaining customers is refunded up to £48 per head, at lunch or dinner, with the names of all guests and the reason on the back of
the receipt. Alcohol may make up one third of the bill. Public officials, inspectors and hospital purchasers may be offered
nothing that is worth more than £10. This is a rule without exceptions.

Each team may eat together at the company's cost twice a year, up to £28 per head. A leaving present costs up to £60 and is
bought by the line manager. Gifts that you receive and that are worth more than £40 are handed in at reception and given to
the summer raffle.

# 6 What we do not pay

The following are private, even if a receipt is in order:

- minibar, films, spa and gym in the hotel (see the gym allowance for what we do pay);
- fines, and penalties for a missed return of a hire car;
- upgrades, lounge access and seat selection on flights of less than four hours;
- travel between your home and your usual office;
- replacement of lost private belongings, except baggage lost by an airline: up to £150 for clothes and toiletries;
- cash withdrawals without a list of what the cash was spent on.

# 7 Getting your money back

## 7.1 Deadlines

Hand in a claim within 30 days after the end of the journey. Mileage is claimed once a month, by the fifth working day of the following
month. A claim that arrives more than 90 days after the journey is not paid, unless you were ill or on parental leave.

Approved claims are paid twice a month, on the 12th and on the 26th. To be in time, a claim must be approved three working
days before. The claim is made in Rota under <i>Expenses</i>; photographs of receipts are enough, and the paper may be thrown
away after Finance has approved it.

## 7.2 Receipts

A receipt is needed for every item of more than £10. Up to two lost receipts a year can be replaced by your own declaration, each for no
more than £25. In France an invoice with VAT number is needed above EUR 150. Hotel invoices must be made out to
the company and not to you.

## 7.3 Exchange rates

For card payments the rate on the card statement applies. For cash we use the reference rate of the European Central Bank on the day of
the purchase. The fee for a cash withdrawal abroad is refunded, at most twice per journey.

## 7.4 The company card

Whoever travels more than four times a year receives a company card with a limit of £3,000 a month. Members of the management
board have £8,000. The card may not be used for private purchases. Report a lost card to the bank on +44 131 496 0177 and to
Finance on the same day. Three claims handed in late within a year cost you the card.

# 8 If something happens

Our travel insurance is with Wayfold Assist, policy number FI-TR-20418. Call +44 131 496 0140 at any hour, before you pay a
hospital if possible. The insurance covers treatment up to £2,000,000, transport home, and baggage up to £1,500. It is
valid for business journeys of up to 90 days and for private days before or after them, up to seven in total.

1. Get yourself and others to safety.
2. Call Wayfold Assist and give the policy number.
3. Tell your line manager where you are.
4. Keep every receipt, even without knowing what for.

In countries for which the foreign ministry advises against travel, nobody travels for Fernhaugh. Anybody may decline a
journey to a place where they do not feel safe; no disadvantage may follow from it.

# 9 History of this document

|= Table 4: Versions | 14 22 64
| Version | In force from | What changed |
| 7 | 1 January 2026 | limits raised by 4 % on average, sleeper trains, electric cars |
| 6 | 1 March 2024 | declaration for lost receipts, emissions paid centrally |
| 5 | 1 January 2023 | agency Merrow Travel, company card from four journeys on |

Questions go to expenses@fernhaugh.example or to extension 4420. Finance answers within two working days.
"""

INSTALL = """
This guide is for the person who installs a Tarn Hub H2 and its probes in a laboratory, pharmacy or store. Allow one hour for the
hub and ten minutes for each probe. It is valid for hardware revision C and for firmware 4.2.0 or later. If your hub carries a
serial number that begins with H1, use guide TN-IG-117 instead.

! Readings are part of your quality records. Do not rely on an installation before the commissioning check of chapter 6
has been passed and signed.

# 1 What is in the box

- one Tarn Hub H2 with wall bracket and two screws
- one power supply, 12 V, with plugs for Great Britain, continental Europe and North America
- one network cable, 2 metres, category 5e
- one label sheet with the serial number and the claim code
- this guide and the declaration of conformity

Probes are packed separately, three to a box, each with its calibration certificate. Compare the number on the probe with
the number on the certificate before you throw the box away. If something is missing, write to orders@tarn.example
within 14 days.

# 2 Technical data

## 2.1 The hub

|= Table 1: Tarn Hub H2 | 38 62
| Property | Value |
| Power supply | 12 V DC, 1.5 A, or Power over Ethernet (IEEE 802.3af) |
| Consumption | 4.2 W in operation, 6.8 W while charging |
| Backup battery | lithium iron phosphate, 6 hours of operation |
| Memory | 42 days of readings without a network |
| Probes | up to 32, of which up to 16 humidity probes P5 |
| Radio | 868 MHz in Europe, 915 MHz in North America |
| Range | 200 m in the open, 80 m through two brick walls |
| Network | Ethernet 10/100, Wi-Fi 2.4 GHz (802.11 b/g/n) |
| Ambient temperature | −10 °C to +45 °C, without condensation |
| Protection | IP42 on the wall, IP20 on a table |
| Size | 142 x 98 x 31 mm |

The older hub H1 has a backup battery for 2 hours, takes up to 12 probes and has no Power over Ethernet.
Wi-Fi at 5 GHz is not supported by either hub.

## 2.2 The probes

|= Table 2: Probes | 12 28 18 22 20
| Probe | Measures | Accuracy | Battery lasts | Calibrate every |
| P1 | −40 °C to +60 °C | ±0.3 °C | 3 years | 12 months |
| P3 | −200 °C to +50 °C | ±0.8 °C | 18 months | 6 months |
| P5 | 5 % to 95 % humidity | ±2.5 % | 2 years | 12 months |

Battery life is given for one reading every five minutes at room temperature. With one reading a minute it is about
half as long. The P1 takes two AA lithium cells, the P3 two AA lithium cells and an outside housing, the P5 one
CR123A cell.

# 3 Choosing the place

The hub listens to probes by radio and speaks to the cloud by cable or Wi-Fi. A good place suits both.

- Mount the hub at a height of about 1.6 metres, so that the light can be seen.
- Keep a distance of at least 50 centimetres from metal doors, pipes and cable ducts.
- Keep at least 2 metres away from microwave ovens, autoclaves and lift motors.
- Do not put the hub inside a refrigerator or cold room. The repeater TN-2050 exists for that purpose.
- Choose a socket that is on the emergency power supply of the building, if there is one.

Before you drill, test the radio: switch the hub on at the chosen place, hold down the button of the furthest
probe for one second, and look at the local page. A signal of −95 dBm or better is good. Between −95 and −105 dBm the
connection works but batteries last less long. Below −105 dBm choose another place or add a repeater. Up to four repeaters can work with
one hub.

# 4 Mounting and connecting

## 4.1 On the wall

1. Hold the bracket against the wall with the arrow upwards and mark the two holes. They are 120 millimetres apart.
2. Drill with a 6 millimetre bit, 35 millimetres deep, and push in the plugs.
3. Fix the bracket with the screws supplied. Tighten by hand: more than 1.2 Nm breaks it.
4. Hook the hub in from above and press until it clicks.

## 4.2 Power

Use either the power supply or Power over Ethernet. If both are connected, the hub takes Power over Ethernet and uses the power
supply as a reserve. The light becomes amber after about ten seconds and green after the first start, which may take up to
four minutes. Charge the backup battery for five hours before you test it.

## 4.3 Network

The hub asks for an address by DHCP. A fixed address can be entered on the local page <b>http://tarn-hub.local</b>, which is reached
from the same network with the claim code as the password. The hub needs no incoming connections. Give the table below to the
person who looks after your firewall.

|= Table 3: Outgoing connections of the hub | 16 14 34 36
| Protocol | Port | Destination | Purpose |
| TCP | 443 | ingest.tarn.example | readings, firmware, certificates |
| TCP | 8883 | mqtt.tarn.example | alarms without delay |
| UDP | 123 | ntp.tarn.example | time |
| UDP | 53 | your name server | name resolution |

If port 8883 is closed the hub uses port 443 for everything, and alarms may then be up to 90 seconds late. A proxy can be
entered on the local page; proxies that ask for a password are supported since firmware 4.1.0. Connections are made with
TLS 1.3 and must not be opened by the proxy.

## 4.4 Claiming the hub

Sign in to Tarn Cloud as an administrator, choose <i>Devices, Add a hub</i>, and type the claim code from the label sheet. The
code has twelve characters, can be used once, and is valid for two years from the date of manufacture. Choose the site and
the time zone. The light changes from slow blue to steady green when the claim has succeeded.

# 5 Pairing the probes

Pair probes at the hub and carry them to their places afterwards.

1. Hold down the button of the hub for three seconds. The light blinks blue: the pairing window is open for 120 seconds.
2. Pull the tab out of the battery compartment of the probe.
3. Wait until the light of the probe blinks green three times.
4. Write the name of the refrigerator on the label of the probe and enter it in Tarn Cloud.
5. Repeat from step 2. Each new probe extends the window by 30 seconds.

Place the sensor in the middle of the load, not against the wall of the refrigerator. For vaccines we recommend the glycol bottle TN-3105,
which behaves like a filled vial and prevents alarms from short openings of the door. Lead the cable through the
hinge side of the seal. The cable of a P3 must never be bent to a radius of less than 40 millimetres.

To remove a probe, choose <i>Devices, Retire</i>. Its readings remain for as long as your plan keeps readings. A probe that was retired
can be paired again, with any hub of the same organisation.

## 5.1 Setting alarms

A new probe has no alarm until you give it limits. Proposals for common cases are in table 4; your own quality rules come first. The
delay keeps an opened door from raising an alarm.

|= Table 4: Proposed alarm limits | 36 20 20 24
| Content | Low | High | Delay |
| Vaccines, refrigerated | +2.0 °C | +8.0 °C | 10 minutes |
| Blood, red cells | +2.0 °C | +6.0 °C | 5 minutes |
| Plasma, frozen | −45.0 °C | −25.0 °C | 15 minutes |
| Ultra-low freezer | −86.0 °C | −70.0 °C | 30 minutes |
| Cryogenic tank, vapour | −196.0 °C | −150.0 °C | 5 minutes |
| Medicines at room temperature | +15.0 °C | +25.0 °C | 60 minutes |

# 6 Commissioning check

The check proves that the whole chain works, from the sensor to the telephone of the person on duty. It takes 24 hours, most of them without
you. Use form TN-F-031, and keep the signed form for as long as the readings.

1. Ice point: stand the sensor in a slurry of crushed ice and distilled water for 20 minutes. It has to show 0.0 °C, with
a tolerance of 0.5 °C. For a P3 the tolerance is 1.0 °C.
2. Alarm: warm the sensor in your hand until the upper limit is exceeded. After the delay the alarm must arrive on
every telephone of the list within two minutes.
3. Power: unplug the hub for 30 minutes. The light turns violet, and readings must continue.
4. Network: pull the network cable for 15 minutes. Afterwards no reading may be missing; late ones carry a mark.
5. Night: leave everything closed for 24 hours. The curve must have no gap of more than 15 minutes.

Repeat steps 1 and 2 once a year, and the whole check after each move of the hub. Do not use a thermometer without
a valid certificate as a reference.

# 7 What the light says

|= Table 5: The light of the hub | 26 40 34
| Light | Meaning | What to do |
| Steady green | everything in order | nothing |
| Slow blue | waiting to be claimed | enter the claim code |
| Blinking blue | pairing window open | pair probes |
| Steady amber | starting, or battery of a probe low | wait, then look at Tarn Cloud |
| Blinking amber | new firmware is being installed | do not unplug |
| Violet | running on the backup battery | restore the power |
| Steady red | an error, with a code | look the code up |
| Blinking red | a probe is in alarm | act on the alarm |

The meaning of the error codes is explained in the Help Centre on the page <i>Troubleshooting</i>. The light can be dimmed, but not
switched off.

# 8 Care and disposal

## 8.1 Cleaning

Wipe the hub and the probes with a cloth and 70 % isopropanol. Do not use chlorine, hydrogen peroxide vapour or an autoclave. Sensor
tips of the P1 may be immersed up to 60 millimetres deep.

## 8.2 Reset

Hold down the button for 15 seconds to return the hub to the state of delivery. Network settings and pairings are erased;
readings that have not been sent are kept. A hub with error E-270 must not be reset.

## 8.3 Batteries and the end

The backup battery is changed by our service after five years. Never put a warm lithium cell into a probe that is
colder than −20 °C; let the probe warm up first. Return old hubs to us without charge: print the label from
<i>Devices, Return</i>. We erase the memory and send you a certificate within ten working days.

## 8.4 Guarantee

The guarantee is three years for hubs, two years for P1 and P5 probes, and one year for P3 probes, counted from the day of
delivery. Batteries are excluded. Opening the housing ends the guarantee.
"""
