// Submits the form to the payment page at once; without this file its button does.
"use strict";

document.getElementById("leave").requestSubmit();
